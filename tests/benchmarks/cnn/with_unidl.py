"""Two convolutions and two poolings on 28 × 28 images, batch 64, Adam."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers


def data():
    rng = np.random.default_rng(0)
    return rng.random((1024, 28, 28, 1), "float32"), rng.integers(0, 10, 1024)


def model():
    return unidl.Sequential(
        [
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, "relu"),
            layers.Dense(10),
        ]
    )


WORKLOAD = Workload("cnn", model, data, 64, 2, "adam", 1e-3, {}, "cross_entropy")
