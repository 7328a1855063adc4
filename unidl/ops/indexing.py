"""Parts of a tensor: slices, and what indices choose."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from unidl.errors import ArgumentError, DtypeError, ShapeError
from unidl.graph import length
from unidl.graph.operand import meeting_dtype, shape_of
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import Shape, TensorSpec, is_integer
from unidl.ops.op import op

Tensor = Any
Index = tuple[Any, ...]


def _getitem(x: Any, index: Index) -> TensorSpec:
    return TensorSpec(_sliced(shape_of(x), index if isinstance(index, tuple) else (index,)), x.dtype)


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
    before = shape_of(x)
    if len(starts) != len(before) or len(sizes) != len(before):
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
    return TensorSpec(tuple(sizes), x.dtype)


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


def _integers(indices: Any, what: str) -> None:
    dtype = meeting_dtype(indices)
    if not is_integer(dtype):
        raise DtypeError(
            f"{what} needs integer indices.",
            expected="int64, or another integer",
            received=dtype,
            fix='ops.cast(indices, "int64")',
        )


def _take(x: Any, indices: Any, axis: int) -> TensorSpec:
    _integers(indices, "take")
    before = shape_of(x)
    axis = canonical_axis(axis, len(before))
    return TensorSpec((*before[:axis], *shape_of(indices), *before[axis + 1 :]), meeting_dtype(x))


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
        The framework's own error: an index is negative or too large, on a CPU. On a GPU looking would stop the device: there
            torch asserts on the device and TensorFlow gives zeros.

    Example:
        >>> unidl.to_numpy(ops.take(np.array([10, 20, 30]), np.array([2, 0]))).tolist()
        [30, 10]

    Where the frameworks differ: Keras counts -1 from the end; here a negative index is refused.
    """


def _take_along_axis(x: Any, indices: Any, axis: int) -> TensorSpec:
    _integers(indices, "take_along_axis")
    before, chosen = shape_of(x), shape_of(indices)
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
    return TensorSpec((*beside[:axis], chosen[axis], *beside[axis + 1 :]), meeting_dtype(x))


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
        The framework's own error: as for `take`.

    Example:
        >>> unidl.to_numpy(ops.take_along_axis(np.array([[1, 2], [3, 4]]), np.array([[1], [0]]), axis=1)).tolist()
        [[2], [3]]
    """


def _one_hot(indices: Any, classes: int, axis: int, dtype: str) -> TensorSpec:
    _integers(indices, "one_hot")
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise ArgumentError(
            "one_hot needs a number of classes.", expected="an integer of at least 1", received=repr(classes)
        )
    before = shape_of(indices)
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
