"""What is measured: a model, its data and how it is trained, as a user of unidl writes them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import unidl

NAMES = ("mlp", "cnn", "resnet18", "lstm", "gpt", "recommender", "unet", "gan", "embeddings")
SMALL = ("mlp", "tabular")  # where a framework's own driver costs more than the mathematics


@dataclass(frozen=True)
class Workload:
    """One job.

    Args:
        name: The folder, which holds the same job by hand in `with_torch.py`, `with_tensorflow.py` and `with_keras.py`.
        model: Makes the unidl model.
        data: Makes the inputs (an array, or a tuple of them) and the targets.
        batch: Examples in a batch; it divides the examples.
        epochs: Passes over the data in a round, so that a round takes about half a second.
        optimizer: "adam", "adamw" or "sgd", with `rate` and `options`.
        rate: The learning rate.
        options: Further arguments of the optimizer, named as in unidl.
        loss: "cross_entropy" or "mse".
        large: Examples in the large batch of inference.
        trainer: `trainer(workload, model, **options)` makes a Trainer of its own; the other side then is `Side` of the job by hand.
    """

    name: str
    model: Callable[[], unidl.Model]
    data: Callable[[], tuple[Any, np.ndarray]]
    batch: int
    epochs: int
    optimizer: str
    rate: float
    options: dict[str, float]
    loss: str
    large: int = 256
    trainer: Callable[..., unidl.Trainer] | None = None

    def arrays(self) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """The inputs, one array for each argument of forward, and the targets."""
        x, y = self.data()
        return (x if isinstance(x, tuple) else (x,)), y

    def hand(self, framework: str) -> Any:
        """The module that holds the job written by hand."""
        return importlib.import_module(f"tests.benchmarks.{self.name}.with_{framework}")


def workload(name: str) -> Workload:
    """The workload of a folder."""
    found: Workload = importlib.import_module(f"tests.benchmarks.{name}.with_unidl").WORKLOAD
    return found


def order(examples: int, epoch: int, shuffle: bool) -> np.ndarray:
    """The order of the examples in an epoch: the one that a Trainer with seed 0 draws, so that both sides see the same batches."""
    if not shuffle:
        return np.arange(examples)
    return np.random.Generator(np.random.Philox(key=[0, epoch])).permutation(examples)
