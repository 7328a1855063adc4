"""Examples by their number, put together to batches: a torch Dataset, the columns of a Hugging Face Dataset."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unidl.data.arrays import array_of, order_of
from unidl.data.reading import looking
from unidl.data.source import Source, parts_of
from unidl.errors import DataError
from unidl.graph.node import leaves, pack

TARGETS = ("labels", "label")  # the columns that are targets, as Hugging Face's own Trainer has them


class Examples(Source):
    """A dataset with single examples, `dataset[i]`: batches of them, in the order that arrays have.

    Args:
        dataset: It has a length; an example is x, (x, y) or (x, y, sample_weight).
        batch_size: Examples in a batch; the last one may have fewer.
        shuffle: Whether each epoch has its own order.
        seed: From which the orders are drawn.
    """

    def __init__(self, dataset: Any, batch_size: int, shuffle: bool = False, seed: int = 0) -> None:
        self.dataset, self.batch_size, self.shuffle, self.seed = dataset, batch_size, shuffle, seed
        self.examples = len(dataset)
        if not self.examples:
            raise DataError("There is no example.", expected="at least one", received=f"an empty {_name(dataset)}")
        self._sample: tuple[Any, ...] | None = None

    @property
    def given(self) -> Any:
        """What is read."""
        return self.dataset

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-self.examples // self.batch_size)

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch. Those before `start` are read and dropped: the examples may draw random numbers."""
        order = order_of(self.examples, self.shuffle, self.seed, epoch)
        for number in range(self.steps):
            batch = self.read(order[number * self.batch_size : (number + 1) * self.batch_size].tolist())
            if number >= start:
                yield batch

    def read(self, numbers: Sequence[int]) -> tuple[Any, ...]:
        """The examples of these numbers, as a batch."""
        if hasattr(self.dataset, "__getitems__"):
            return stacked(self.dataset.__getitems__(numbers), numbers, _name(self.dataset))
        return stacked([self._read(number) for number in numbers], numbers, _name(self.dataset))

    def _read(self, number: int) -> Any:
        try:
            return self.dataset[number]
        except Exception as error:
            error.add_note(f"Example {number} of the {_name(self.dataset)} was to be read.")
            raise

    def sample(self) -> tuple[Any, ...]:
        """The first examples."""
        if self._sample is None:
            with looking(self.dataset):
                self._sample = self.read(list(range(min(self.batch_size, self.examples))))
        return self._sample

    def describe(self) -> dict[str, Any]:
        """What decides which examples stand in which batch."""
        return {
            "source": type(self).__name__,
            "examples": self.examples,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "seed": self.seed,
        }


class Columns(Examples):
    """A Hugging Face Dataset: the column "label" or "labels" is the target, all others are the input, in a dict, or alone where it is one."""

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch; those before `start` are read only where a transformation may draw random numbers."""
        if (getattr(self.dataset, "format", None) or {}).get("type") == "custom":
            yield from super().batches(epoch, start)
            return
        order = order_of(self.examples, self.shuffle, self.seed, epoch)
        for first in range(start * self.batch_size, self.examples, self.batch_size):
            yield self.read(order[first : first + self.batch_size].tolist())

    def read(self, numbers: Sequence[int]) -> tuple[Any, ...]:
        """The rows of these numbers, as a batch."""
        return batch_of_columns(self.dataset[list(numbers)])


class ExampleStream(Source):
    """A dataset that gives single examples one after another, a torch IterableDataset: batches of those that follow.

    Args:
        dataset: It can be iterated anew for each epoch.
        batch_size: Examples in a batch; the last one may have fewer.
    """

    def __init__(self, dataset: Any, batch_size: int) -> None:
        self.dataset, self.batch_size = dataset, batch_size
        self._sample: tuple[Any, ...] | None = None

    @property
    def given(self) -> Any:
        """What is read."""
        return self.dataset

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch; those before `start` are read and dropped."""
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)
        yield from itertools.islice(self._opened(), start, None)

    def _opened(self) -> Iterator[tuple[Any, ...]]:
        examples, first = iter(self.dataset), 0
        while held := list(itertools.islice(examples, self.batch_size)):
            yield stacked(held, range(first, first + len(held)), _name(self.dataset))
            first += len(held)

    def sample(self) -> tuple[Any, ...]:
        """The first batch of the first epoch."""
        if self._sample is None:
            with looking(self.dataset):
                self._sample = next(self.batches(), None)
            if self._sample is None:
                raise DataError(
                    "There is no example.", expected="at least one", received=f"an empty {_name(self.dataset)}"
                )
        return self._sample

    def describe(self) -> dict[str, Any]:
        """Which kind, and the examples in a batch."""
        return {"source": type(self).__name__, "batch_size": self.batch_size}


class ColumnStream(ExampleStream):
    """A Hugging Face IterableDataset; its shuffle is seeded by the epoch."""

    def _opened(self) -> Iterator[tuple[Any, ...]]:
        return map(batch_of_columns, self.dataset.iter(batch_size=self.batch_size))


def stacked(examples: Sequence[Any], numbers: Sequence[int], name: str) -> tuple[Any, ...]:
    """Examples as a batch: each leaf of their nests stacked.

    Args:
        examples: Each is x, (x, y) or (x, y, sample_weight).
        numbers: Of the examples, for errors.
        name: Of the dataset, likewise.

    Raises:
        DataError: One of them is of another structure or shape than the first, or is none of numbers.
    """
    first = parts_of(examples[0])
    columns = []
    rows = [[np.asarray(_detached(leaf)) for leaf in leaves(parts_of(example))] for example in examples]
    for number, row in zip(numbers, rows, strict=True):
        for leaf, like in zip(row, rows[0], strict=False):
            if leaf.dtype.kind not in "biuf" or leaf.shape != like.shape or len(row) != len(rows[0]):
                raise DataError(
                    f"Example {number} of the {name} does not fit into a batch.",
                    expected=f"arrays of numbers, of shapes {_shapes(rows[0])} as in example {numbers[0]}",
                    received=f"{_shapes(row)}" + (f" of dtype {leaf.dtype}" if leaf.dtype.kind not in "biuf" else ""),
                    fix="Give the examples one shape, or pad them (a DataLoader's collate_fn can).",
                )
    columns = [np.stack(column) for column in zip(*rows, strict=True)]
    return pack(first, columns)  # type: ignore[no-any-return]


def batch_of_columns(columns: Any) -> tuple[Any, ...]:
    """(x, y), or (x,) where no column is the target."""
    arrays = {}
    for name, column in columns.items():
        try:
            arrays[name] = array_of(np.asarray(column) if isinstance(column, list) else column)
        except ValueError as error:  # DataError is one, and NumPy's own of lists of different lengths
            raise DataError(
                f"The column {name!r} of the dataset is no array of numbers.",
                expected="one shape in every row",
                received=str(error).splitlines()[0],
                fix=f"dataset.remove_columns({name!r}), or make numbers of it with dataset.map(…).",
            ) from error
    targets = [name for name in TARGETS if name in arrays]
    inputs = {name: array for name, array in arrays.items() if name not in targets[:1]}
    x = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    return (x, arrays[targets[0]]) if targets else (x,)


def _detached(leaf: Any) -> Any:
    return leaf.detach() if hasattr(leaf, "detach") else leaf


def _shapes(row: Sequence[np.ndarray]) -> str:
    return ", ".join(str(leaf.shape) for leaf in row) or "nothing"


def _name(dataset: Any) -> str:
    return type(dataset).__name__
