"""What an initializer is, how one is found by name, and the generator that a weight draws from."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from unidl import habits
from unidl.arguments import number, owner_name, shown
from unidl.capture import told_arguments
from unidl.errors import ArgumentError, ShapeError, UnknownArgumentError
from unidl.family import Family
from unidl.lazy_array import Index, LazyArray, pieces_of, shape_of_piece

INITIALIZERS: Family[Initializer] = Family(
    "initializer",
    "initializers",
    {**habits.INITIALIZERS, **habits.INITIALIZER_NAMES},
    "an object of unidl.initializers, a number or an array",
    aliases=habits.INITIALIZERS,
)


Stream = Callable[[int], np.ndarray]  # the next so many values, float64


class Initializer:
    """Draws a weight's first value. Subclasses define `__call__` and a class-level `name`."""

    name: str = ""

    @told_arguments
    def __init__(self) -> None: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.name:
            INITIALIZERS.names[cls.name] = cls

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """A float64 array of that shape."""
        return self._stream(shape, generator)(math.prod(shape)).reshape(shape)

    def _stream(self, shape: tuple[int, ...], generator: np.random.Generator) -> Stream:
        """A function that gives the next so many of the array's values, in row-major order."""
        raise UnknownArgumentError(f"{type(self).__name__} has no __call__(shape, generator).")

    def __repr__(self) -> str:
        taken = inspect.signature(type(self)).parameters
        given = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if k in taken)
        return f"{type(self).__name__}({given})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(vars(self)) == repr(vars(other))

    def __hash__(self) -> int:
        return hash(repr(vars(self)))


INITIALIZERS.base = Initializer


class Given(Initializer):
    """An array as it stands."""

    @told_arguments
    def __init__(self, array: np.ndarray) -> None:
        if array.dtype.kind not in "biuf":
            raise ArgumentError(
                "An initial weight given as an array needs numbers.",
                expected="bool, integers or floats",
                received=shown(array),
            )
        self.array = array

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The array."""
        if self.array.shape != shape:
            raise ShapeError(
                "An initial weight given as an array has another shape.",
                expected=str(shape),
                received=str(self.array.shape),
            )
        return self.array


@told_arguments
def get(value: Any) -> Initializer:
    """The initializer for a name, an initializer, a number or an array.

    Raises:
        ArgumentError: There is none of that name.
    """
    found = INITIALIZERS.found(value)
    if found is not None:
        return found
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return INITIALIZERS.names["constant"](number("An initializer", "the number", value))  # type: ignore[call-arg]  # every named class has its own constructor
    if isinstance(value, np.ndarray):
        return Given(value)
    raise INITIALIZERS.no_such(value)


def checked_initializer(owner: Any, name: str, value: Any) -> Any:
    """An argument that says how a weight starts, as it was given; see `get`.

    Args:
        owner: Whose argument it is, for the message.
        name: The argument.
        value: A name, an initializer, a number or an array.

    Raises:
        ArgumentError: It is none of these.
    """
    try:
        get(value)
    except ArgumentError as error:
        raise ArgumentError(
            f"{owner_name(owner)}: {name}: {error.attempted}",
            expected=error.expected, received=error.received, fix=error.fix,
        ) from None  # fmt: skip
    return value


def draw(initializer: Initializer, shape: tuple[int, ...], dtype: str, seed: int, path: str) -> np.ndarray:
    """A weight's first value: it depends on the seed and the weight's path and on nothing else."""
    return Drawn(initializer, shape, dtype, seed, path).read()


class Drawn(LazyArray):
    """A weight's first value, drawn when it is read: a piece at a time, if the initializer can draw one value after the other.

    The generator is Philox with the key BLAKE2b(seed, path). Values are drawn in float64 and rounded once.
    """

    def __init__(self, initializer: Initializer, shape: tuple[int, ...], dtype: str, seed: int, path: str) -> None:
        # NumPy has no bfloat16: the backend rounds it
        super().__init__(shape, "float32" if dtype == "bfloat16" else dtype, self._all_at, in_pieces=False)
        self._initializer = initializer
        digest = hashlib.blake2b(f"{int(seed)}\x00{path}".encode(), digest_size=16).digest()
        self._key = np.frombuffer(digest, np.uint64)

    def _all_at(self, index: Index) -> np.ndarray:
        value = np.asarray(self._initializer(self.shape, self._generator()))
        if value.shape != self.shape:
            raise ShapeError(
                f"{self._initializer!r} gave another shape.", expected=str(self.shape), received=str(value.shape)
            )
        part: np.ndarray = value[index].astype(self.dtype)
        return part

    def _generator(self) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=self._key))

    def pieces(self) -> Iterator[tuple[Index, np.ndarray]]:
        """(index, piece) in row-major order."""
        if type(self._initializer).__call__ is not Initializer.__call__:
            yield from super().pieces()
            return
        following = self._initializer._stream(self.shape, self._generator())
        for index in pieces_of(self.shape, self.dtype.itemsize):
            shape = shape_of_piece(self.shape, index)
            yield index, following(math.prod(shape)).astype(self.dtype).reshape(shape)
