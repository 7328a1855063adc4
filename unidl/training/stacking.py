"""Batches of a stream, put together so that many steps are one call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl.errors import UnidlError
from unidl.graph.node import leaves, pack
from unidl.training.control import SECONDS

Batch = tuple[Any, ...]
# What is read at a time: beyond it a call costs little beside its steps, and memory counts.
STACKED_BYTES = 16 << 20


@dataclass(frozen=True)
class Stack:
    """Batches one behind the other.

    Args:
        data: Their examples, one behind the other.
        sizes: Examples in each; all but the last have the first one's.
    """

    data: Batch
    sizes: list[int]


class Stacks:
    """Gives the batches of an iterator, as many at a time as are wanted and there in time.

    An error of the iterator comes when the batches before it are taken.

    Args:
        batches: Nests of arrays.
        check: Refuses a batch, or several one behind the other, by an error.
        uniform: Whether all batches of a stack have one size.
    """

    def __init__(self, batches: Iterator[Batch], check: Callable[[Batch], None], uniform: bool) -> None:
        self._batches, self._check, self._uniform = batches, check, uniform
        self._waiting: list[Batch] = []  # read, and not given yet
        self._error: BaseException | None = None  # what comes behind these
        self._ended = False
        self._alone = 0  # batches to come that are given one by one

    def take(self, wanted: int) -> Stack | None:
        """At most so many batches, at least one; None at the end."""
        first = self._next()
        if first is None:
            return None
        alike, size = _alike(first), _size(first)
        most = max(1, min(wanted, STACKED_BYTES // max(1, sum(leaf.nbytes for leaf in leaves(first)))))
        if self._alone:
            self._alone, most = self._alone - 1, 1
        held, until = [first], time.perf_counter() + SECONDS
        while len(held) < most and time.perf_counter() < until:
            batch = self._following()
            if batch is None:
                break
            count = _size(batch)
            if _alike(batch) != alike or count > size or (count < size and self._uniform):
                self._waiting.append(batch)
                break
            held.append(batch)
            if count < size:
                break
        return self._checked(held)

    def _next(self) -> Batch | None:
        if self._waiting:
            return self._waiting.pop(0)
        if self._error is not None:
            raise self._error
        return None if self._ended else self._read()

    def _read(self) -> Batch | None:
        batch = next(self._batches, None)
        self._ended = batch is None
        return batch

    def _following(self) -> Batch | None:
        """The next batch, if there is one; an error waits."""
        if self._waiting:
            return self._waiting.pop(0)
        if self._ended or self._error is not None:
            return None
        try:
            return self._read()
        except BaseException as error:  # noqa: BLE001  # whatever it raises, Ctrl-C too: again when its batch is wanted
            self._error = error
            return None

    def _checked(self, held: list[Batch]) -> Stack:
        """The batches, those before the first that is refused."""
        data = concatenated(held)
        try:
            self._check(data)
        except UnidlError:
            if len(held) == 1:
                raise
            self._alone = len(held) - 1  # each alone: which of them it is, is said when its turn comes
            self._waiting = [*held[1:], *self._waiting]
            return self._checked(held[:1])
        return Stack(data, [_size(batch) for batch in held])


def concatenated(batches: list[Batch]) -> Batch:
    """Batches of one structure as one."""
    if len(batches) == 1:
        return batches[0]
    columns = zip(*[list(leaves(batch)) for batch in batches], strict=True)
    return pack(batches[0], [np.concatenate(column) for column in columns])  # type: ignore[no-any-return]


def _size(batch: Batch) -> int:
    return len(next(iter(leaves(batch))))


def _alike(batch: Batch) -> list[Any]:
    """What batches must have in common to lie one behind the other."""
    return [(leaf.shape[1:], leaf.dtype) for leaf in leaves(batch)]
