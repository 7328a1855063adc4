"""Ten columns of categories, each with a table in a dict of layers, summed; a head; batch 256, Adam."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers, ops

SIZES = {f"column_{i}": 100 * (i + 1) for i in range(10)}


def data():
    rng = np.random.default_rng(0)
    columns = tuple(rng.integers(0, n, 8192) for n in SIZES.values())
    return columns, rng.normal(size=(8192, 1)).astype("float32")


class Columns(unidl.Model):
    def __init__(self):
        self.tables = {name: layers.Embedding(n, 16) for name, n in SIZES.items()}
        self.out = layers.Dense(1)

    def forward(self, *columns):  # each (batch,)
        found = [self.tables[name](column) for name, column in zip(SIZES, columns, strict=True)]
        return self.out(ops.concatenate(found, -1))


WORKLOAD = Workload("embeddings", Columns, data, 256, 4, "adam", 1e-3, {}, "mse")
