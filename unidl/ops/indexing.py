"""Parts of a tensor: slices, and what indices choose."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from unidl.errors import ArgumentError, DtypeError, IndexOutOfRangeError, ShapeError
from unidl.graph import length
from unidl.graph.operand import tensor_spec
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import Shape, TensorSpec, is_integer
from unidl.graph.tensor import basic_index
from unidl.ops.op import op

Tensor = Any
Index = tuple[Any, ...]


def _getitem(x: Any, index: Index) -> TensorSpec:
    spec = tensor_spec(x)
    return TensorSpec(_sliced(spec.shape, basic_index(index)), spec.dtype)


def _sliced(shape: Shape, index: Index) -> Shape:
    named = sum(1 for part in index if part is not None and part is not Ellipsis)
    if named > len(shape) or sum(1 for part in index if part is Ellipsis) > 1:
        raise ShapeError(
            f"The index has more parts than the tensor has axes: {len(shape)}.",
            expected=f"at most {len(shape)}, and one ...",
            received=repr(index),
        )
    if Ellipsis not in index:
        index = (*index, Ellipsis)
    result: list[int | None] = []
    axis = 0
    for part in index:
        if part is None:
            result.append(1)
        elif part is Ellipsis:
            rest = len(shape) - named
            result.extend(shape[axis : axis + rest])
            axis += rest
        elif isinstance(part, slice):
            n = shape[axis]
            whole = part == slice(None) or part == slice(None, None, 1)
            result.append(n if whole or n is None else len(range(n)[part]))
            axis += 1
        else:
            n, place = shape[axis], operator.index(part)
            if n is not None and not -n <= place < n:
                raise ShapeError(
                    f"There is no position {place} on axis {axis}.",
                    expected=f"{-n} to {n - 1}",
                    received=f"{place}, in {shape}",
                )
            axis += 1
    return tuple(result)


@op(_getitem)
def getitem(x: Tensor, index: Index) -> Tensor:
    """What `x[index]` means: basic slicing.

    Args:
        x: A tensor.
        index: Integers, slices with positive steps, one ..., and None for a new axis.

    Raises:
        ShapeError: A position is not there, or the index has too many parts.

    Example:
        >>> unidl.to_numpy(ops.getitem(np.arange(5), (slice(1, None, 2),))).tolist()
        [1, 3]
    """


def _dynamic_slice(x: Any, starts: Sequence[Any], sizes: Sequence[int]) -> TensorSpec:
    spec = tensor_spec(x)
    before = spec.shape
    if len(length.several(starts, "starts")) != len(before) or len(sizes) != len(before):
        raise ShapeError(
            "dynamic_slice needs a start and a size for each axis.",
            expected=f"{len(before)} each",
            received=f"{len(starts)} and {len(sizes)}",
        )
    for start in starts:
        length.length(start)
    for n, size in zip(before, sizes, strict=True):
        if size < 0 or (n is not None and size > n):
            raise ShapeError(
                "A slice is no longer than its axis.", expected=f"0 to {n}", received=f"{size}, of {before}"
            )
    return TensorSpec(tuple(sizes), spec.dtype)


@op(_dynamic_slice)
def dynamic_slice(x: Tensor, starts: Sequence[Any], sizes: Sequence[int]) -> Tensor:
    """A block of fixed size that begins where tensors say.

    Args:
        x: A tensor.
        starts: For each axis an integer or a scalar integer tensor. It is moved to the nearest start at which the block fits.
        sizes: For each axis the block's length, an integer.

    Raises:
        ShapeError: The block is longer than an axis.

    Example:
        >>> unidl.to_numpy(ops.dynamic_slice(np.arange(5), (np.int64(3),), (3,))).tolist()
        [2, 3, 4]

    Where the frameworks differ: torch and TensorFlow fail where a block reaches beyond the end, jax moves it; unidl moves it.
    """


def _indices(value: Any, what: str) -> Shape:
    """The shape of integer indices."""
    spec = tensor_spec(value)
    if not is_integer(spec.dtype):
        raise DtypeError(
            f"{what} needs integer indices.",
            expected="int64, or another integer",
            received=spec.dtype,
            fix='ops.cast(indices, "int64")',
        )
    return spec.shape


def out_of_range(indices: np.ndarray | None, length: int | None) -> IndexOutOfRangeError | None:
    """The error for the first index that is not there; None where all are, or where one cannot look.

    Args:
        indices: Integers, None where they are not at hand.
        length: Of the axis that they count on.
    """
    if indices is None or length is None:
        return None
    outside = (indices < 0) | (indices >= length)
    if not outside.any():
        return None
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(outside)), indices.shape))
    return index_error(int(indices[place]), length, place)


def index_error(index: int, length: int, place: tuple[int, ...]) -> IndexOutOfRangeError:
    """The one error for an index that is not there.

    Args:
        index: It.
        length: Of the axis.
        place: Where it stands among the indices; () for a single one.
    """
    return IndexOutOfRangeError(
        "An index names no element.",
        expected=f"0 to {length - 1}" if length else "no index: the axis is empty",
        received=f"{index}, at {list(place)} of the indices" if place else str(index),
        fix="Negative indices do not count from the end." if index < 0 else None,
    )


def _take(x: Any, indices: Any, axis: int) -> TensorSpec:
    chosen, spec = _indices(indices, "take"), tensor_spec(x)
    axis = canonical_axis(axis, len(spec.shape))
    return TensorSpec((*spec.shape[:axis], *chosen, *spec.shape[axis + 1 :]), spec.dtype)


@op(_take)
def take(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    """The slices of x that the indices name, as an embedding does.

        y[…, i…, …] = x[…, indices[i…], …]

    Args:
        x: A tensor.
        indices: Integers from 0 to length - 1, in any shape, which takes the place of the axis.
        axis: The axis of x that they count on.

    Raises:
        DtypeError: The indices are no integers.
        IndexOutOfRangeError: An index is negative or too large, on a CPU. On a GPU to look would wait for the device: there torch's own
            assertion ends the process' work on that device, and TensorFlow returns zeros.

    Example:
        >>> unidl.to_numpy(ops.take(np.array([10, 20, 30]), np.array([2, 0]))).tolist()
        [30, 10]

    Where the frameworks differ: Keras counts -1 from the end; here a negative index is refused.
    """


def _take_along_axis(x: Any, indices: Any, axis: int) -> TensorSpec:
    chosen, spec = _indices(indices, "take_along_axis"), tensor_spec(x)
    before = spec.shape
    axis = canonical_axis(axis, len(before))
    fits = len(before) == len(chosen) and all(
        i == axis or None in (a, b) or a == b for i, (a, b) in enumerate(zip(before, chosen, strict=True))
    )
    if not fits:
        raise ShapeError(
            f"take_along_axis needs indices of the tensor's shape, but for axis {axis}.",
            expected=str(before),
            received=str(chosen),
        )
    beside = tuple(a if b is None else b for a, b in zip(before, chosen, strict=True))
    return TensorSpec((*beside[:axis], chosen[axis], *beside[axis + 1 :]), spec.dtype)


@op(_take_along_axis)
def take_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """For each place its own element along an axis, as `ops.argsort` and `ops.argmax` name them.

        y[a, i, b] = x[a, indices[a, i, b], b]

    Args:
        x: A tensor.
        indices: Integers from 0 to length - 1, of x's shape but for `axis`.
        axis: The axis of x that they count on.

    Raises:
        ShapeError: The shapes differ at another axis.
        DtypeError: The indices are no integers.
        IndexOutOfRangeError: As for `take`.

    Example:
        >>> unidl.to_numpy(ops.take_along_axis(np.array([[1, 2], [3, 4]]), np.array([[1], [0]]), axis=1)).tolist()
        [[2], [3]]
    """


def _one_hot(indices: Any, classes: int, axis: int, dtype: str) -> TensorSpec:
    before = _indices(indices, "one_hot")
    if classes < 1:
        raise ArgumentError(
            "one_hot needs a number of classes.", expected="an integer of at least 1", received=str(classes)
        )
    place = canonical_axis(axis, len(before) + 1)
    return TensorSpec((*before[:place], classes, *before[place:]), dtype)


@op(_one_hot)
def one_hot(indices: Tensor, classes: int, axis: int = -1, dtype: str = "float32") -> Tensor:
    """One at the class that each index names, zero elsewhere; all zero where there is no such class.

    Args:
        indices: Integers, in any shape.
        classes: The number of classes.
        axis: Where the new axis of classes stands in the result.
        dtype: Of the result.

    Example:
        >>> unidl.to_numpy(ops.one_hot(np.array([1, -1]), 3)).tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
