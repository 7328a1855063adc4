"""Arrays that are written and read in pieces, so that a file of weights never lies in memory beside the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

PIECE = 2**20  # bytes of one piece

Index = tuple[Any, ...]  # of integers and slices, one for each axis; or (...,) for all of an array


def pieces_of(shape: tuple[int, ...], itemsize: int) -> Iterator[Index]:
    """Indices of the pieces of an array, in its row-major order: each at most PIECE bytes, and contiguous in that order."""
    if math.prod(shape) == 0:
        return
    axis, row = len(shape), itemsize
    while axis and row * shape[axis - 1] <= PIECE:
        axis -= 1
        row *= shape[axis]
    if not axis:
        yield (...,)
        return
    rows = max(PIECE // row, 1)
    rest = (slice(None),) * (len(shape) - axis)
    for before in np.ndindex(shape[: axis - 1]):
        for start in range(0, shape[axis - 1], rows):
            yield (*before, slice(start, min(start + rows, shape[axis - 1])), *rest)


def shape_of_piece(shape: tuple[int, ...], index: Index) -> tuple[int, ...]:
    """The shape of a piece."""
    if index == (...,):
        return shape
    return tuple(
        [len(range(*part.indices(n))) for part, n in zip(index, shape, strict=True) if isinstance(part, slice)]
    )


class LazyArray:
    """An array of which a piece at a time is made.

    Args:
        shape: Its shape.
        dtype: Its dtype.
        read: Index of a piece -> that piece.
        in_pieces: Whether a piece is cheaper to read than all of it.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: Any, read: Callable[[Index], np.ndarray], in_pieces: bool = True
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._read = read
        self._in_pieces = in_pieces

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return int(math.prod(self.shape) * self.dtype.itemsize)

    def pieces(self) -> Iterator[tuple[Index, np.ndarray]]:
        """(index, piece) in row-major order."""
        read = self._read if self._in_pieces else self._read((...,)).__getitem__
        for index in pieces_of(self.shape, self.dtype.itemsize):
            yield index, read(index)

    def read(self, into: np.ndarray | None = None) -> np.ndarray:
        """The whole array, in new memory or in an array of its shape."""
        array = np.empty(self.shape, self.dtype) if into is None else into
        for index, piece in self.pieces():
            array[index] = piece
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.read()
        return array if dtype is None else array.astype(dtype, copy=False)


Array = np.ndarray | LazyArray


def lazy(array: Array) -> LazyArray:
    """An array in memory as one of which pieces are taken."""
    return array if isinstance(array, LazyArray) else LazyArray(array.shape, array.dtype, array.__getitem__)


def whole(value: Any) -> Any:
    """An array in memory; what is no lazy array stays as it is."""
    return value.read() if isinstance(value, LazyArray) else value
