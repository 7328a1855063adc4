"""Batches from anything that can be iterated."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from unidl.arguments import one_of, optional, positive
from unidl.capture import told_arguments
from unidl.data.arrays import array_of
from unidl.data.kinds import library
from unidl.data.openings import END, OPENINGS, OfIterator, opening
from unidl.data.reading import looking
from unidl.data.source import Source, parts_of
from unidl.errors import ArgumentError, DataError
from unidl.graph.node import leaves, map_nest


class Stream(Source):
    """Batches from an iterable: a generator function, a torch DataLoader, a tf.data.Dataset, a list of batches.

    A batch is x alone, or a tuple (x, y) or (x, y, sample_weight); each is an array, a tensor, or a nest of them, with examples along the first axis.

    Args:
        batches: An iterable that can be iterated anew for each epoch, or a function that opens one: `batches()`,
            `batches(epoch)`, or, for a source that can seek by itself, `batches(epoch, start)`.
        steps: Batches in an epoch; None takes all there are (len() is asked where it exists).
        seek: How an epoch that was begun is gone on with. "replay" reads the batches before and drops them, which needs the
            iterable to give the same ones again; "refuse" is an error that says so. A function of (epoch, start) seeks itself.

    Raises:
        ArgumentError: It cannot be iterated, or is an iterator that is used up after one epoch; steps is no number of batches.
        DataError: While it is read: a batch is none, or there are fewer than `steps`.

    Example:
        >>> import numpy, unidl
        >>> def batches(epoch):
        ...     rng = numpy.random.default_rng(epoch)
        ...     for _ in range(4):
        ...         x = rng.normal(size=(8, 3)).astype("float32")
        ...         yield x, x.sum(1, keepdims=True)
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse")
        >>> t.fit(unidl.data.Stream(batches), epochs=2, progress=False).step_loss.shape
        (8,)
    """

    @told_arguments
    def __init__(
        self, batches: Iterable[Any] | Callable[..., Iterable[Any]], steps: int | None = None, seek: str = "replay"
    ) -> None:
        seek = one_of(self, "seek", seek, ("replay", "refuse"))
        steps = optional(positive, self, "steps", steps)
        if isinstance(batches, Iterator):
            raise ArgumentError(
                "A Stream needs an iterable that can be opened for each epoch, and this is an iterator: it is used up after one.",
                received=type(batches).__name__,
                fix="Give the function that makes it (Stream(batches), not Stream(batches())), or a list.",
            )
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1):
            raise ArgumentError(
                "A Stream's steps are batches in an epoch.", expected="1 or more, or None", received=repr(steps)
            )
        self._names = _names(batches)
        self._batches: Any = batches
        self._opening = opening(batches)
        self.goes_on = isinstance(self._opening, OfIterator)
        self.seek = seek
        self._steps = self._opening.steps if steps is None else steps
        self._limit = steps
        self._sample: tuple[Any, ...] | None = None

    @property
    def steps(self) -> int | None:
        """Batches in an epoch, if they can be known."""
        return self._steps

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch."""
        seeks = "start" in self._names
        if start and not seeks and self.seek == "refuse":
            raise DataError(
                f"This Stream cannot begin behind its first {start} batches.",
                expected="a source that seeks",
                fix='Give a function batches(epoch, start), or seek="replay" to read the batches before and drop them.',
            )
        named = {name: value for name, value in (("epoch", epoch), ("start", start)) if name in self._names}
        opened = iter(self._batches(**named)) if self._is_function else self._opening.open(epoch)
        skipped = 0 if seeks else start
        for place in range(skipped):
            if next(opened, END) is END:
                raise DataError(f"The Stream ended after {place} batches, before the {start} that were taken already.")
        limit = None if self._limit is None else self._limit - start
        given = 0
        for batch in itertools.islice(opened, limit):
            yield _batch(batch)
            given += 1
        if limit is not None and given < limit:
            raise DataError(
                f"The Stream ended after {start + given} batches of epoch {epoch + 1}, and has steps={self._limit}.",
                expected=f"at least {self._limit} batches each time it is opened",
                received=str(start + given),
                fix="Leave steps= out to take all there are.",
            )

    def sample(self) -> tuple[Any, ...]:
        """The first batch of the first epoch."""
        if self._sample is None:
            with looking(self.given):
                first: Any = next(self.batches(0), END) if self._is_function else self._opening.peek()
            if first is END:
                raise DataError("The Stream has no batch.", expected="at least one")
            self._sample = first if self._is_function else _batch(first)
        return self._sample

    @property
    def given(self) -> Any:
        """What is iterated."""
        return self._batches

    @property
    def _is_function(self) -> bool:
        return not _can_be_iterated(self._batches)

    def check_resumable(self) -> None:
        """Refuse what would not give the same batches again."""
        self._opening.check_resumable()

    def describe(self) -> dict[str, Any]:
        """Which kind, and how many batches, if they can be known."""
        return {"source": "Stream", "steps": self._steps}


def _names(batches: Any) -> frozenset[str]:
    """Which of epoch and start the function takes."""
    if _can_be_iterated(batches):
        return frozenset()
    if not callable(batches):
        raise ArgumentError(
            "A Stream needs something that can be iterated.",
            expected="an iterable of batches, or a function that gives one",
            received=type(batches).__name__,
        )
    parameters = inspect.signature(batches).parameters
    needed = [
        n for n, p in parameters.items() if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    unknown = [name for name in needed if name not in ("epoch", "start")]
    if unknown:
        raise ArgumentError(
            "A Stream's function takes the epoch and the first batch by their names.",
            expected="a function of (), (epoch) or (epoch, start); others of its parameters have defaults",
            received=f"({', '.join(parameters)})",
            fix=f"Stream(lambda epoch: function({unknown[0]}=…)).",
        )
    return frozenset(parameters) & {"epoch", "start"}


def _can_be_iterated(batches: Any) -> bool:
    return isinstance(batches, Iterable) or library(batches) in OPENINGS


def _batch(batch: Any) -> tuple[Any, ...]:
    arrays = tuple([map_nest(array_of, part) for part in parts_of(batch)])
    lengths = {len(leaf) for leaf in leaves(arrays)}
    if len(lengths) != 1 or 0 in lengths or len(arrays) > 3:
        raise DataError(
            "A batch of the Stream is none.",
            expected="x, (x, y) or (x, y, sample_weight), with one number of examples along the first axis",
            received=", ".join(str(leaf.shape) for leaf in leaves(arrays)) or "nothing",
        )
    return arrays
