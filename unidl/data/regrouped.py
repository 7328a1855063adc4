"""The batches of a source, in epochs of another length."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from unidl.data.source import Source
from unidl.errors import DataError


class Regrouped(Source):
    """Batches of a source in the order in which it gives them, epoch behind epoch, cut into epochs of so many.

    Args:
        inner: The source. Where it ends within an epoch, its own next epoch follows; one that never ends is read on.
        steps: Batches in an epoch.
    """

    def __init__(self, inner: Source, steps: int) -> None:
        self.inner = inner
        self._steps = steps

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self._steps

    @property
    def given(self) -> Any:
        """What the inner source reads."""
        return self.inner.given

    def check_resumable(self) -> None:
        """As the inner source."""
        self.inner.check_resumable()

    def place(self, epoch: int, start: int) -> tuple[int, int]:
        """Which epoch of the inner source a batch stands in, and how many stand before it there.

        A source that does not know its length is read up to there.

        Raises:
            DataError: An epoch of the source is empty.
        """
        if self.inner.goes_on:
            return epoch, 0
        before = epoch * self._steps + start
        if self.inner.steps is not None:
            return divmod(before, self.inner.steps)
        own = 0
        while before:
            read = sum(1 for _ in itertools.islice(self.inner.batches(own), before))
            if read == before:
                break
            if not read:
                raise DataError(f"The source had no batch for epoch {own + 1}.", expected="at least one")
            own, before = own + 1, before - read
        return own, before

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch."""
        own, first = self.place(epoch, start)
        left = self._steps - start
        while left:
            given = 0
            for batch in itertools.islice(self.inner.batches(own, first), left):
                yield batch
                given += 1
            if not given and not first:
                raise DataError(f"The source had no batch for epoch {own + 1}.", expected="at least one")
            own, first, left = own + 1, 0, left - given

    def sample(self) -> tuple[Any, ...]:
        """The inner source's."""
        return self.inner.sample()

    def describe(self) -> dict[str, Any]:
        """The inner source's, and the length of an epoch."""
        return {**self.inner.describe(), "steps_per_epoch": self._steps}
