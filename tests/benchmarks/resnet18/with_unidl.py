"""ResNet-18 as it is used on 32 × 32 images (no pooling at the start), batch 8, SGD with momentum; 11.2 million weights."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers, ops

WIDTHS = (64, 128, 256, 512)


def data():
    rng = np.random.default_rng(0)
    return rng.random((16, 32, 32, 3), "float32"), rng.integers(0, 10, 16)


class Block(unidl.Layer):
    """relu(x + two convolutions of x); where the shape changes, x goes through one of 1 × 1."""

    def __init__(self, filters, strides=1, project=False):
        self.conv_1 = layers.Conv2D(filters, 3, strides, "same", use_bias=False)
        self.norm_1 = layers.BatchNormalization()
        self.conv_2 = layers.Conv2D(filters, 3, 1, "same", use_bias=False)
        self.norm_2 = layers.BatchNormalization()
        if project:
            self.conv_3 = layers.Conv2D(filters, 1, strides, use_bias=False)
            self.norm_3 = layers.BatchNormalization()
        self.project = project

    def forward(self, x):
        y = ops.relu(self.norm_1(self.conv_1(x)))
        y = self.norm_2(self.conv_2(y))
        return ops.relu(y + (self.norm_3(self.conv_3(x)) if self.project else x))


class ResNet18(unidl.Model):
    def __init__(self):
        self.stem = layers.Conv2D(64, 3, 1, "same", use_bias=False)
        self.norm = layers.BatchNormalization()
        self.blocks = []
        for stage, filters in enumerate(WIDTHS):
            self.blocks += [Block(filters, 1 if stage == 0 else 2, stage > 0), Block(filters)]
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(10)

    def forward(self, x):
        x = ops.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(self.pool(x))


WORKLOAD = Workload("resnet18", ResNet18, data, 8, 1, "sgd", 0.01, {"momentum": 0.9}, "cross_entropy", large=32)
