"""The same examples in everything that people keep data in: what each test of sources reads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = RNG.integers(0, 4, 20)
SIZE = 6
BATCHES = [(X[i : i + SIZE], Y[i : i + SIZE]) for i in range(0, 20, SIZE)]


class Rows:
    """A stand-in for a Hugging Face Dataset: rows by a list of numbers, as columns."""

    __module__ = "datasets.arrow_dataset"

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, numbers: list[int]) -> dict[str, Any]:
        return {"x": [X[i].tolist() for i in numbers], "label": [int(Y[i]) for i in numbers]}


Rows.__name__ = "Dataset"


class RowStream:
    """A stand-in for a Hugging Face IterableDataset."""

    __module__ = "datasets.iterable_dataset"

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def iter(self, batch_size: int) -> Any:
        for i in range(0, len(X), batch_size):
            yield {"x": X[i : i + batch_size].tolist(), "labels": Y[i : i + batch_size].tolist()}


RowStream.__name__ = "IterableDataset"


class GrainLoader:
    """A stand-in for a loader of grain: it can be iterated anew."""

    __module__ = "grain._src.python.data_loader"

    def __iter__(self) -> Any:
        return iter(BATCHES)


GrainLoader.__name__ = "DataLoader"


def torch() -> Any:
    """The package, where it is installed."""
    return pytest.importorskip("torch", reason="its own classes are what is read")


def torch_dataset(base: str = "Dataset") -> Any:
    """The examples as a torch Dataset."""

    class Examples(getattr(torch().utils.data, base)):
        def __len__(self) -> int:
            return len(X)

        def __getitem__(self, i: int) -> Any:
            return torch().from_numpy(X[i]), int(Y[i])

    return Examples()


def torch_iterable() -> Any:
    """The examples one after another."""

    class Examples(torch().utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return zip(X, Y, strict=True)

    return Examples()


def tensorflow_dataset() -> Any:
    """The batches as a tf.data.Dataset."""
    tf = pytest.importorskip("tensorflow", reason="its own class is what is read")
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(SIZE)


def keras_dataset() -> Any:
    """The batches as a keras.utils.PyDataset."""
    keras = pytest.importorskip("keras", reason="its own class is what is read")

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(BATCHES)

        def __getitem__(self, i: int) -> Any:
            return BATCHES[i]

    return Batches()


# each gives the batches in their order; `fit` is called without targets beside it, with batch_size=SIZE, shuffle=False
SOURCES: dict[str, Callable[[], Any]] = {
    "a list of batches": lambda: list(BATCHES),
    "a generator": lambda: (batch for batch in BATCHES),
    "a function": lambda: lambda: iter(BATCHES),
    "a function of the epoch": lambda: lambda epoch: iter(BATCHES),
    "a torch Dataset": torch_dataset,
    "a torch IterableDataset": torch_iterable,
    "a torch TensorDataset": lambda: torch().utils.data.TensorDataset(torch().from_numpy(X), torch().from_numpy(Y)),
    "a DataLoader": lambda: torch().utils.data.DataLoader(torch_dataset(), batch_size=SIZE),
    "a tf.data.Dataset": tensorflow_dataset,
    "a PyDataset": keras_dataset,
    "a Hugging Face Dataset": Rows,
    "a Hugging Face IterableDataset": RowStream,
    "a grain loader": GrainLoader,
}
