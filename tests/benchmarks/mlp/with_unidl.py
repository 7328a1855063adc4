"""784-256-256-10, batch 128, Adam: the small network of images as rows."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers


def data():
    rng = np.random.default_rng(0)
    return rng.random((4096, 784), "float32"), rng.integers(0, 10, 4096)


def model():
    return unidl.Sequential([layers.Dense(256, "relu"), layers.Dense(256, "relu"), layers.Dense(10)])


WORKLOAD = Workload("mlp", model, data, 128, 4, "adam", 1e-3, {}, "cross_entropy")
