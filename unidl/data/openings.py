"""How an epoch of an iterable is opened, by what it is: so that the same epoch gives the same batches again.

While batches are read, the generators of Python, NumPy and torch are seeded from (seed, epoch) (see unidl.data.reading). What has a
generator of its own is seeded from these when it is opened.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sized
from typing import Any
from weakref import WeakKeyDictionary

from unidl.data.kinds import library
from unidl.errors import DataError

END = object()  # in place of a batch where there is none
NOT_EXACT = "This source cannot be resumed exactly"


class Opening:
    """Opens an iterable anew for each epoch.

    Args:
        given: The iterable.
    """

    def __init__(self, given: Any) -> None:
        self.given = given

    @property
    def steps(self) -> int | None:
        """Batches in an epoch, if that is known: len() of a DataLoader over an iterable, or of a tf.data.Dataset, may refuse."""
        if not isinstance(self.given, Sized):
            return None
        try:
            return len(self.given)
        except TypeError:
            return None

    def open(self, epoch: int) -> Iterator[Any]:
        """The batches of an epoch, counted from 0."""
        return iter(self.given)

    def peek(self) -> Any:
        """The first batch there is, or END; the next that is opened begins with it all the same."""
        return next(self.open(0), END)

    def check_resumable(self) -> None:
        """Refuse what does not give the same batches again.

        Raises:
            DataError: It says how to make it so.
        """


class Once:
    """An iterator as something that can be iterated.

    Args:
        iterator: The iterator.
    """

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator

    def __iter__(self) -> Iterator[Any]:
        return self.iterator


class OfIterator(Opening):
    """An iterator, a generator for example, goes on where it was: each epoch takes the batches that follow."""

    def __init__(self, given: Once) -> None:
        super().__init__(given)
        self._rest = given.iterator

    def open(self, epoch: int) -> Iterator[Any]:
        """What it has left."""
        return self._rest

    def peek(self) -> Any:
        """The next batch, which stays the next."""
        first = next(self._rest, END)
        if first is not END:
            self._rest = itertools.chain([first], self._rest)
        return first

    def check_resumable(self) -> None:
        """Refuse it: nobody can bring it back."""
        raise DataError(
            f"{NOT_EXACT}: an iterator goes on where it was, and cannot be brought back.",
            expected="what can be opened again for each epoch",
            received=f"a {type(self.given.iterator).__name__}",
            fix="Give the function that makes it: fit(batches), not fit(batches()).",
        )


class OfLoader(Opening):
    """A torch DataLoader: its generators are seeded, and its samplers are told the epoch."""

    def open(self, epoch: int) -> Iterator[Any]:
        """Seed what draws the order and the workers' seeds, and open it."""
        loader = self.given
        samplers = [loader.sampler, loader.batch_sampler, getattr(loader.batch_sampler, "sampler", None)]
        for generator in [getattr(holder, "generator", None) for holder in (loader, *samplers)]:
            if generator is not None:
                generator.manual_seed(random.getrandbits(63))
        for holder in (loader.dataset, *samplers):
            if hasattr(holder, "set_epoch"):
                holder.set_epoch(epoch)
        return iter(loader)

    def check_resumable(self) -> None:
        """Refuse workers that keep their own random generators from one epoch to the next."""
        if getattr(self.given, "persistent_workers", False):
            raise DataError(
                f"{NOT_EXACT}: persistent workers draw random numbers that depend on all epochs before.",
                received="DataLoader(persistent_workers=True)",
                fix="DataLoader(…, persistent_workers=False): each epoch's workers are seeded anew.",
            )


_opened: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # a shuffled tf.data.Dataset -> how often it was opened


class OfTensorFlow(Opening):
    """A tf.data.Dataset: each time that it is opened, a seeded shuffle gives its next order."""

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        self._shuffles = [node for node in _chain(given) if hasattr(node, "_reshuffle_each_iteration")]
        self._moves = any(node._reshuffle_each_iteration is not False for node in self._shuffles)
        self._held: Iterator[Any] | None = None  # opened already, to look at its first batch

    def open(self, epoch: int) -> Iterator[Any]:
        """The epoch's order is reached by opening those before it; one that lies behind is left as it comes."""
        held, self._held = self._held, None
        if self._moves and held is not None and _opened[self.given] > epoch:
            return held
        while self._moves and _opened.get(self.given, 0) < epoch:
            self._next()
        return self._next()

    def peek(self) -> Any:
        """The first batch of the next order."""
        opened = self._next()
        first = next(opened, END)
        self._held = opened if first is END else itertools.chain([first], opened)
        return first

    def _next(self) -> Iterator[Any]:
        if self._moves:
            _opened[self.given] = _opened.get(self.given, 0) + 1
        return self.given.as_numpy_iterator()  # type: ignore[no-any-return]

    def check_resumable(self) -> None:
        """Refuse shuffles without a seed, random maps, and an order of whatever is ready first."""
        if any(int(node._seed) == 0 and int(node._seed2) == 0 for node in self._shuffles):
            raise DataError(
                f"{NOT_EXACT}: the tf.data.Dataset shuffles without a seed.",
                expected="dataset.shuffle(buffer_size, seed=…)",
                fix="Give the shuffle a seed.",
            )
        drawing = sorted({name for node in _chain(self.given) for name in _random_ops(node)})
        if drawing:
            raise DataError(
                f"{NOT_EXACT}: a function of the tf.data.Dataset draws random numbers from a generator that cannot be brought back.",
                expected="random numbers of a seed that the example or its number gives",
                received=", ".join(drawing),
                fix="Draw with tf.random.stateless_uniform(…, seed=…), the seed from dataset.enumerate() or "
                "tf.data.Dataset.random(seed=…, rerandomize_each_iteration=True).",
            )
        if self.given.options().deterministic is False:
            raise DataError(
                f"{NOT_EXACT}: the tf.data.Dataset gives its elements in the order in which they are ready.",
                received="options.deterministic = False",
                fix="Leave deterministic=False out.",
            )
        if self._moves and _opened.get(self.given, 0) > 1:
            raise DataError(
                f"{NOT_EXACT}: the tf.data.Dataset was iterated before in this process, and its shuffle has gone on.",
                fix="Make the dataset anew, or shuffle(…, reshuffle_each_iteration=False).",
            )


class OfNumbered(Opening):
    """A keras.utils.PyDataset: batches by number, and a call at each epoch's end, which may change their order."""

    def __init__(self, given: Any) -> None:
        super().__init__(given)
        self._ended = 0  # epochs that it was told have ended

    def open(self, epoch: int) -> Iterator[Any]:
        """The batches, after as many ends of epochs as lie before."""
        while self._ended < epoch:
            self.given.on_epoch_end()
            self._ended += 1
        return (self.given[number] for number in range(self._count()))

    @property
    def steps(self) -> int | None:
        """Batches in an epoch."""
        return self.given.num_batches  # type: ignore[no-any-return]

    def _count(self) -> int:
        count = self.steps
        if count is None:
            raise DataError(
                "The PyDataset does not know how many batches it has.",
                expected="__len__, or num_batches",
                fix="Define __len__(self) on its class.",
            )
        return int(count)


OPENINGS: dict[str, Callable[[Any], Opening]] = {
    "torch DataLoader": OfLoader,
    "tensorflow DatasetV2": OfTensorFlow,
    "keras PyDataset": OfNumbered,
}


def opening(given: Any) -> Opening:
    """How that iterable is opened."""
    if isinstance(given, Once):
        return OfIterator(given)
    return OPENINGS.get(library(given) or "", Opening)(given)


def _chain(dataset: Any) -> Iterator[Any]:
    """A tf.data.Dataset and those that it is made of."""
    yield dataset
    for part in dataset._inputs():
        yield from _chain(part)


def _random_ops(node: Any) -> Iterator[str]:
    """The operations of a dataset's functions that draw from a generator with a state."""
    for name in ("_map_func", "_predicate", "_reduce_func", "_key_func"):
        wrapped = getattr(node, name, None)
        graph = getattr(getattr(wrapped, "function", None), "graph", None)
        for operation in () if graph is None else graph.get_operations():
            kind = str(operation.type)
            draws = kind.startswith(("Random", "Truncated", "Parameterized", "Stateful", "Multinomial", "RngRead"))
            if draws and operation.op_def.is_stateful and not kind.startswith("StatefulPartitionedCall"):
                yield kind
