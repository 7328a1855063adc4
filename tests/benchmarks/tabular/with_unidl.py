"""20-64-64-1, batch 64, Adam: a small regression, where next to nothing is computed."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8192, 20)).astype("float32")
    return x, np.sin(x.sum(1, keepdims=True)).astype("float32")


def model():
    return unidl.Sequential([layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(1)])


WORKLOAD = Workload("tabular", model, data, 64, 4, "adam", 1e-3, {}, "mse")
