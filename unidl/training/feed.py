"""Feeds: a source's examples on the device, as the loop of steps takes them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl.backends.contract import LONGEST
from unidl.data import Arrays, Source
from unidl.data.regrouped import Regrouped
from unidl.errors import DataError
from unidl.graph.node import leaves, map_nest
from unidl.training.stacking import Stacks

# What may lie on an accelerator whole; a CPU's own memory holds the arrays anyway.
RESIDENT_BYTES = 2 << 30
# What is brought to a device at a time of what does not lie there whole.
CARRIED_BYTES = 64 << 20

Taking = Callable[[int], "Load | None"]  # of the number of steps wanted
Put = Callable[[Any], Any]  # a nest of arrays as the backend's tensors, or a batch's parts


@dataclass(frozen=True)
class Load:
    """What some steps compute on.

    Args:
        data: Examples on the device.
        order: Which of them, (places,), int64, on the device.
        first: The first step's number, counted in batches of `order`.
        count: Steps there are.
        batch_size: Examples in a batch.
        sizes: Examples in each step's batch.
        admitted: Whether the inputs came through the model's door.
        examples: (x,), (x, y) or (x, y, sample_weight) of some of its examples, by a slice, as arrays on the host.
        places: Which of the source's examples they are; None for batches of a stream.
    """

    data: Any
    order: Any
    first: int
    count: int
    batch_size: int
    sizes: list[int]
    admitted: bool
    examples: Callable[[slice], tuple[Any, ...]]
    places: np.ndarray | None = None


class Feed:
    """Gives loads of one epoch after another. `inner` is the source behind one whose epochs have another length.

    Args:
        source: Where the examples come from.
        put: Brings arrays to the device.
        admit: Likewise for a batch's inputs and targets, the inputs through the model's door; None where a training_step of
            the user's own may do with them as it likes.
        resident: Whether all of an Arrays' examples may lie there at once.
        look: Refuses a batch of a stream that does not fit the loss or the metrics; arrays were looked at as a whole.
        reading: For an epoch, what a stream is read inside of.
        uniform: Whether a load has batches of one size only. A compiler's program takes no others, and which steps it takes must
            not depend on how many somebody wanted at once.
    """

    def __init__(
        self,
        source: Source,
        put: Put,
        admit: Put | None,
        resident: bool,
        look: Callable[[tuple[Any, ...]], None],
        reading: Callable[[int], AbstractContextManager[object]],
        uniform: bool = False,
    ) -> None:
        self.source = source
        self.inner = source.inner if isinstance(source, Regrouped) else source
        self._going_on: tuple[int, int, Taking] | None = (
            None  # of a Regrouped source: batch, own epoch, what gives the next
        )
        self._reading = reading
        self._look = look
        self._uniform = uniform
        self._put = put
        self._bring = admit or put
        self._admitted = admit is not None
        self._first: Any = None  # what a stream's batches have alike
        inner = self.inner
        self._whole = self._bring(inner.parts) if resident and isinstance(inner, Arrays) else None

    @property
    def is_weighted(self) -> bool:
        """Whether batches have weights."""
        return is_weighted(self.source)

    @property
    def steps(self) -> int | None:
        """Steps in an epoch, if that can be known."""
        return self.source.steps

    def open(self, epoch: int, start: int) -> Taking:
        """A function of the number of steps wanted, at least 1, that gives as many or fewer; None at the epoch's end."""
        if isinstance(self.source, Regrouped):
            return self._regrouped(self.source, epoch, start)
        return self._open(epoch, start)

    def _open(self, epoch: int, start: int) -> Taking:
        if not isinstance(self.inner, Arrays):
            return self._stream(self.inner, epoch, start)
        return self._arrays(self.inner, self.inner.order(epoch), start)

    def _regrouped(self, source: Regrouped, epoch: int, start: int) -> Taking:
        """Loads of an epoch that may lie in several of the inner source's; what is open is read on."""
        at, left = epoch * source.steps + start, source.steps - start
        if self._going_on is not None and self._going_on[0] == at:
            _, own, take = self._going_on
        else:
            own, first = source.place(epoch, start)
            take = self._open(own, first)

        def take_on(wanted: int) -> Load | None:
            nonlocal at, left, own, take
            if not left:
                return None
            load = take(min(wanted, left))
            if load is None:
                own, take = own + 1, self._open(own + 1, 0)
                load = take(min(wanted, left))
                if load is None:
                    raise DataError(f"The source had no batch for epoch {own + 1}.", expected="at least one")
            at, left = at + load.count, left - load.count
            self._going_on = at, own, take
            return load

        return take_on

    def sample(self) -> Load:
        """One batch, whichever, without taking it from the source."""
        batch = self.source.sample()
        size = len(next(iter(leaves(batch))))
        return Load(self._bring(batch), self._put(np.arange(size)), 0, 1, size, [size], self._admitted, part_of(batch))

    def _kind(self, batch: tuple[Any, ...]) -> Any:
        """What every batch has alike: its structure; for a training_step of the user's own axes and kind of dtype too."""
        if self._admitted:  # the model's door, the loss and the metrics say better what does not fit them
            return map_nest(lambda _: "array", batch)
        return map_nest(
            lambda array: f"{'floats' if array.dtype.kind == 'f' else 'integers'} of {array.ndim} axes", batch
        )

    def _arrays(self, source: Arrays, order: np.ndarray, start: int) -> Callable[[int], Load | None]:
        size, total = source.batch_size, len(source)
        done = start
        whole = None if self._whole is None else self._put(order)

        def take(wanted: int) -> Load | None:
            nonlocal done
            count = min(wanted, total - done, LONGEST if self._uniform else total)
            if count <= 0:
                return None
            if self._uniform and count > 1 and (done + count) * size > source.examples:
                count -= 1
            if self._whole is None:
                bytes_each = max(1, sum(leaf.nbytes for leaf in leaves(source.parts)) // source.examples)
                count = max(1, min(count, CARRIED_BYTES // (bytes_each * size)))
            places = order[done * size : (done + count) * size]
            sizes = [size] * (count - 1) + [len(places) - (count - 1) * size]
            first, done = done, done + count
            if self._whole is not None:

                def chosen(part: slice) -> Any:
                    return map_nest(lambda array: array[places[part]], source.parts)

                return Load(self._whole, whole, first, count, size, sizes, self._admitted, chosen, places)
            carried = map_nest(lambda array: array[places], source.parts)
            here = self._put(np.arange(len(places)))
            return Load(self._bring(carried), here, 0, count, size, sizes, self._admitted, part_of(carried), places)

        return take

    def _stream(self, source: Source, epoch: int, start: int) -> Callable[[int], Load | None]:
        orders: dict[int, Any] = {}
        if self._first is None:
            self._first = self._kind(source.sample())
        reading = self._reading(epoch)
        with reading:
            batches = source.batches(epoch, start)
            first = next(batches, None)  # now: what was taken before is read and dropped while the source is opened
        stacks = Stacks(
            self._of_one_kind(itertools.chain([] if first is None else [first], batches)), self._look, self._uniform
        )
        width = 0  # that of the first batch: shorter ones are none for a compiler's program

        def take(wanted: int) -> Load | None:
            nonlocal width
            with reading:
                stack = stacks.take(wanted)
            if stack is None:
                return None
            count, size, total = len(stack.sizes), stack.sizes[0], sum(stack.sizes)
            width = width or size
            if total not in orders:
                orders[total] = self._put(np.arange(total))
            data = self._bring(stack.data)
            width_now = max(size, width) if count == 1 else size
            return Load(data, orders[total], 0, count, width_now, stack.sizes, self._admitted, part_of(stack.data))

        return take

    def _of_one_kind(self, batches: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        for batch in batches:
            if (kind := self._kind(batch)) != self._first:
                raise DataError(
                    "A batch of the source is of another kind than its sample, the first batch.",
                    expected=str(self._first),
                    received=str(kind),
                    fix="Give every batch the same structure"
                    + ("." if self._admitted else ", number of axes and dtype."),
                )
            yield batch


def is_weighted(source: Source) -> bool:
    """Whether a source's batches have weights beside inputs and targets."""
    return len(source.sample()) > 2


def part_of(parts: tuple[Any, ...]) -> Callable[[slice], Any]:
    """Some of the examples, by a slice."""
    return lambda part: map_nest(lambda array: array[part], parts)


def fits(source: Source, on_cpu: bool) -> bool:
    """Whether all examples may lie on the device at once: not what is mapped from a file, nor what fills an accelerator."""
    inner = source.inner if isinstance(source, Regrouped) else source
    parts = list(leaves(inner.parts)) if isinstance(inner, Arrays) else []
    if any(isinstance(leaf, np.memmap) for leaf in parts):
        return False
    return on_cpu or sum(leaf.nbytes for leaf in parts) <= RESIDENT_BYTES
