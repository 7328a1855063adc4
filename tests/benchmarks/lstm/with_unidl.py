"""Classes of sequences: 64 tokens, embedding 64, LSTM 128, batch 32, Adam."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers


def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 2000, (512, 64)), rng.integers(0, 4, 512)


def model():
    return unidl.Sequential([layers.Embedding(2000, 64), layers.LSTM(128), layers.Dense(4)])


WORKLOAD = Workload("lstm", model, data, 32, 1, "adam", 1e-3, {}, "cross_entropy", large=128)
