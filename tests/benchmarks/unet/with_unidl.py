"""A small U-Net: three levels of 16, 32 and 64 channels on 64 × 64 images, three classes a pixel, batch 4, Adam."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers, ops


def data():
    rng = np.random.default_rng(0)
    return rng.random((16, 64, 64, 3), "float32"), rng.integers(0, 3, (16, 64, 64))


class Twice(unidl.Layer):
    def __init__(self, filters):
        self.first = layers.Conv2D(filters, 3, padding="same", activation="relu")
        self.second = layers.Conv2D(filters, 3, padding="same", activation="relu")

    def forward(self, x):
        return self.second(self.first(x))


class UNet(unidl.Model):
    def __init__(self):
        self.down = [Twice(16), Twice(32)]
        self.pool = layers.MaxPooling2D()
        self.bottom = Twice(64)
        self.larger = [layers.Conv2DTranspose(32, 2, 2), layers.Conv2DTranspose(16, 2, 2)]
        self.up = [Twice(32), Twice(16)]
        self.head = layers.Conv2D(3, 1)

    def forward(self, x):  # (batch, 64, 64, 3)
        kept = []
        for level in self.down:
            kept.append(level(x))
            x = self.pool(kept[-1])
        x = self.bottom(x)
        for larger, level in zip(self.larger, self.up, strict=True):
            x = level(ops.concatenate([larger(x), kept.pop()], -1))
        return self.head(x)


WORKLOAD = Workload("unet", UNet, data, 4, 1, "adam", 1e-3, {}, "cross_entropy", large=16)
