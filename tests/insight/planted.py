"""What is compared here: small trainings, each with something wrong on one backend that the comparison must find."""

import time

import numpy as np

import unidl
from unidl import callbacks, layers

EPOCHS = 3


class SlowOnTorch(unidl.Layer):
    """Does nothing, and takes its time wherever its forward runs as Python."""

    def forward(self, x):
        if unidl.backend() == "torch":
            time.sleep(0.015)
        return x


class SlowOnKeras(callbacks.Callback):
    every_steps = 1

    def on_steps(self, trainer, numbers):
        if trainer.model.backend == "keras":
            time.sleep(0.06)


class HogOnTensorFlow(callbacks.Callback):
    every_steps = 4

    def __init__(self):
        self.held = None

    def on_steps(self, trainer, numbers):
        if trainer.model.backend == "tensorflow" and self.held is None:
            self.held = np.ones(300 << 17)  # 300 MB
        elif trainer.epoch == EPOCHS - 1:
            self.held = None  # it is gone before the end: the peak counts


def build():
    model = unidl.Sequential([layers.Dense(16, activation="relu"), SlowOnTorch(), layers.Dense(1)])
    return unidl.Trainer(model, loss="mse", optimizer="sgd")


def data():
    x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
    return x, x.sum(1, keepdims=True)
