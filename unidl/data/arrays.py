"""Examples in arrays, cut into batches."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from unidl import arguments, habits
from unidl.arguments import flag, positive
from unidl.capture import told_arguments
from unidl.data.kinds import is_array
from unidl.data.source import Source
from unidl.errors import DataError
from unidl.graph.node import leaves, map_nest


class Arrays(Source):
    """Examples along the first axis of arrays.

    Args:
        *parts: Arrays, or lists and dicts of them: inputs, targets.
        batch_size: Examples in a batch; the last one may have fewer.
        shuffle: Whether each epoch has its own order.
        seed: From which the orders are drawn.

    Raises:
        DataError: There is no example, the arrays have different lengths, or something is no array of numbers.
    """

    @told_arguments
    def __init__(self, *parts: Any, batch_size: int, shuffle: bool = False, seed: int = 0) -> None:
        self.batch_size = positive(self, "batch_size", batch_size)
        self.shuffle = flag(self, "shuffle", shuffle)
        self.seed = arguments.seed(self, "seed", seed)
        self.parts = tuple(map_nest(array_of, part) for part in parts)
        for part in self.parts:
            if not any(True for _ in leaves(part)):
                raise DataError(
                    "There is no array in what was given.", expected="an array, or a nest of them", received=repr(part)
                )
        lengths = [len(leaf) for leaf in leaves(self.parts)]
        if len(set(lengths)) != 1:
            raise DataError(
                "The arrays have different numbers of examples.",
                expected="one length along the first axis",
                received=", ".join(str(leaf.shape) for leaf in leaves(self.parts)),
            )
        if lengths[0] == 0:
            raise DataError(
                "There is no example.",
                expected="at least one along the first axis",
                received=", ".join(str(leaf.shape) for leaf in leaves(self.parts)),
            )
        self.examples = lengths[0]

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.examples // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """The order of the examples in an epoch; it depends on the seed and the epoch only."""
        return order_of(self.examples, self.shuffle, self.seed, epoch)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return len(self)

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch: nests of arrays, as given."""
        order = self.order(epoch)
        for first in range(start * self.batch_size, self.examples, self.batch_size):
            chosen = order[first : first + self.batch_size]
            yield map_nest(lambda array, c=chosen: array[c], self.parts)

    def sample(self) -> tuple[Any, ...]:
        """All examples: whatever is asked of the data is asked of all of it."""
        return self.parts

    def describe(self) -> dict[str, Any]:
        """What decides the batches; the numbers in the arrays are not looked at."""
        shapes = [[*leaf.shape] for leaf in leaves(self.parts)]
        return {
            "source": "Arrays",
            "shapes": shapes,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "seed": self.seed,
        }


def order_of(examples: int, shuffle: bool, seed: int, epoch: int) -> np.ndarray:
    """The order of the examples in an epoch, the same for whatever they are kept in."""
    if not shuffle:
        return np.arange(examples)
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, epoch])).permutation(examples)


# Values that NumPy takes as they are, and what others say that they can be made an array of
_KNOWN = (np.ndarray, np.generic, array, memoryview, bool, int, float, complex, str, bytes, type(None))

_GIVES_BATCHES = ("__iter__", "__getitem__", "__call__")


def array_of(value: Any) -> np.ndarray:
    """The value as an array of numbers with an axis of examples."""
    if hasattr(value, "detach") and hasattr(value, "__array__"):
        value = value.detach()  # a torch tensor, which gives no array while it takes a gradient
    if not isinstance(value, _KNOWN) and not is_array(value):
        # NumPy would ask it for its items one by one, and raise whatever they raise
        raise DataError(
            "The data is no array of numbers with examples along its first axis.",
            expected="a NumPy array, or what NumPy makes one of",
            received=f"a {type(value).__name__}",
            fix=_way(value),
        )
    made = _made(value)
    made = made if made.dtype.isnative else made.astype(made.dtype.newbyteorder("="))
    if made.dtype.kind not in "biuf" or made.ndim == 0:
        raise DataError(
            "The data is no array of numbers with examples along its first axis.",
            expected="a NumPy array of bool, integers or floats",
            received=f"{type(value).__name__} of dtype {made.dtype}, shape {made.shape}"
            + (f": {columns}" if (columns := _columns(value)) else ""),
            fix=_way(value),
        )
    return made


def _made(value: Any) -> np.ndarray:
    """NumPy's array of it, by the first way that it offers."""
    if isinstance(value, _KNOWN) or any(hasattr(value, name) for name in ("__array__", "__buffer__")):
        return np.asanyarray(value) if isinstance(value, np.memmap) else np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    return np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value)


def _columns(value: Any) -> str | None:
    """The columns of a data frame that hold no numbers, in words."""
    dtypes = getattr(value, "dtypes", None)
    if dtypes is None or not hasattr(dtypes, "items"):
        return None
    odd = [f"{name!r} of {dtype}" for name, dtype in dtypes.items() if getattr(dtype, "kind", "O") not in "biuf"]
    return f"columns {', '.join(odd)}" if odd else None


def _way(value: Any) -> str | None:
    """What somebody meant who gave something else than an array."""
    if isinstance(value, (bool, int, float)):
        return "Lists are nests of arrays here; np.asarray(list) makes one array."
    way = habits.data_source(value)
    if way is not None:
        return habits.sentence(way)
    if isinstance(value, (str, bytes, np.ndarray)) or not any(hasattr(value, name) for name in _GIVES_BATCHES):
        return None
    return "unidl.data.Stream(…) makes a source of anything that gives batches: a generator function, a DataLoader, a Dataset."
