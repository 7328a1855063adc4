"""What a Trainer takes its batches from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unidl.errors import DataError


class Source:
    """Batches of examples, epoch by epoch.

    A subclass defines `batches`, and what it knows of the other two. The same epoch gives the same batches in the same order,
    so that a run that was killed can go on where it was.
    """

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch, each a tuple (x, y, sample_weight), (x, y) or (x,) of nests of arrays with examples along their first axis.

        Args:
            epoch: Counted from 0.
            start: How many batches of this epoch were taken already: the iterator begins behind them. A source that cannot
                seek raises DataError and says what to do.
        """
        raise DataError(f"{type(self).__name__} has no batches(epoch, start).", fix="Define it on the class.")

    def sample(self) -> tuple[Any, ...]:
        """A batch to look at, from which a model is built: structure, dtypes and the axes behind the first."""
        raise DataError(f"{type(self).__name__} has no sample().", fix="Define it on the class.")

    @property
    def steps(self) -> int | None:
        """Batches in an epoch; None where nobody knows before it ends."""
        return None

    goes_on = (
        False  # whether each epoch goes on where the last one ended, as an iterator does, which cannot be opened again
    )

    @property
    def given(self) -> Any:
        """What it reads, an object of another library for example; the source itself where there is nothing else."""
        return self

    def check_resumable(self) -> None:
        """Refuse to be resumed, where the same epoch would not give the same batches again.

        Raises:
            DataError: It says how to make it so.
        """

    def describe(self) -> dict[str, Any]:
        """What decides which examples stand in which batch, as plain data: a run goes on only with the same."""
        return {"source": type(self).__name__}


def parts_of(batch: Any) -> tuple[Any, ...]:
    """(x, y, sample_weight), (x, y) or (x,) of a batch as people give it; a torch DataLoader gives its tuples as lists."""
    return (
        batch
        if isinstance(batch, tuple)
        else tuple(batch)
        if isinstance(batch, list) and len(batch) in (2, 3)
        else (batch,)
    )
