"""The two sides of each benchmark do the same: from the same weights, on the same batches, to the same losses. Nothing is timed.

What takes long to trace is left to `nox -s bench`, which sets UNIDL_WORKLOADS to all and measures nothing where two sides disagree.
"""

import dataclasses
import importlib
import os

import numpy as np
import pytest

from tests.benchmarks import ours
from tests.benchmarks.workload import NAMES, SMALL, workload
from unidl.graph.node import leaves

EXAMPLES = {
    "resnet18": 4,
    "unet": 4,
    "gpt": 4,
    "mlp": 64,
    "tabular": 64,
    "cnn": 16,
    "lstm": 8,
    "recommender": 64,
    "gan": 16,
    "embeddings": 32,
}
LONG_TO_TRACE = ("resnet18", "gpt", "unet")
ALL = os.environ.get("UNIDL_WORKLOADS") == "all"


def short(name):
    """The workload with two batches of data."""
    work = workload(name)
    examples = EXAMPLES[name]
    x, y = work.arrays()
    data = (tuple(a[:examples] for a in x), y[:examples])
    return dataclasses.replace(work, data=lambda: data, batch=examples // 2)


@pytest.mark.parametrize("name", dict.fromkeys(NAMES + SMALL))
def test_both_sides_train_alike(name, backend):
    if name in LONG_TO_TRACE and backend != "torch" and not ALL:
        pytest.skip("half a minute: nox -s bench")
    work = short(name)
    shuffle = backend != "keras"  # keras.Model.fit draws an order of its own
    mine = ours.Side(work, backend, shuffle).build()
    by_hand = work.hand(backend) if work.trainer else importlib.import_module(f"tests.benchmarks.native.{backend}")
    other = by_hand.Side(work, mine.model.weights(), shuffle)
    x, _ = work.arrays()
    for found, right in zip(leaves(mine.predict(*x)), leaves(other.predict(*x)), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)
    losses, expected = mine.fit(1), other.fit(1)
    assert len(losses) == 2
    if backend == "keras":  # which tells the mean of an epoch
        losses = losses.mean(keepdims=True)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    again, expected = mine.fit(1), other.fit(1)
    np.testing.assert_allclose(again.mean(), expected.mean(), rtol=2e-3)
