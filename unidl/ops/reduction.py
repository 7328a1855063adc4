"""Reductions over axes, and running sums.

`axis` is one axis, several, or None for all; `keepdims` leaves the reduced axes in place with length 1. Sums and products of
integers and bools are int64, counts and indices too; means and the like of integers are float32.
"""

from __future__ import annotations

from typing import Any

from unidl.errors import ShapeError
from unidl.graph.operand import floating, meeting_dtype, no_bool, shape_of
from unidl.graph.shape import Axis, canonical_axes, canonical_axis, reduce
from unidl.graph.spec import TensorSpec, is_float
from unidl.ops.op import op

Tensor = Any


def _summed(dtype: str) -> str:
    return dtype if is_float(dtype) else "int64"


def _sum(x: Any, axis: Axis, keepdims: bool) -> TensorSpec:
    return TensorSpec(reduce(shape_of(x), axis, keepdims), _summed(meeting_dtype(x)))


def _mean(x: Any, axis: Axis, keepdims: bool) -> TensorSpec:
    return TensorSpec(reduce(shape_of(x), axis, keepdims), floating(meeting_dtype(x)))


def _filled(shape: tuple[int | None, ...], axes: tuple[int, ...]) -> None:
    if 0 in [shape[a] for a in axes]:
        raise ShapeError(
            "There is no largest or smallest of no elements.", received=str(shape), fix="Check the length first."
        )


def _extreme(x: Any, axis: Axis, keepdims: bool) -> TensorSpec:
    shape = shape_of(x)
    _filled(shape, canonical_axes(axis, len(shape)))
    return TensorSpec(reduce(shape, axis, keepdims), no_bool(meeting_dtype(x), "ops.any(x, axis) or ops.all(x, axis)"))


def _position(x: Any, axis: int | None, keepdims: bool) -> TensorSpec:
    if axis is not None:
        canonical_axis(axis, len(shape_of(x)))
    return TensorSpec(_extreme(x, axis, keepdims).shape, "int64")


def _truth(x: Any, axis: Axis, keepdims: bool) -> TensorSpec:
    return TensorSpec(reduce(shape_of(x), axis, keepdims), "bool")


def _count(x: Any, axis: Axis, keepdims: bool) -> TensorSpec:
    return TensorSpec(reduce(shape_of(x), axis, keepdims), "int64")


def _running(x: Any, axis: int) -> TensorSpec:
    canonical_axis(axis, len(shape_of(x)))
    return TensorSpec(shape_of(x), _summed(meeting_dtype(x)))


@op(_sum)
def sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum Σ x.

    Example:
        >>> unidl.to_numpy(ops.sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)).tolist()
        [4.0, 6.0]

    Where the frameworks differ: int32 sums to int32 in TensorFlow.
    """


@op(_mean)
def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean Σ x / n.

    Example:
        >>> unidl.to_numpy(ops.mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)).tolist()
        [2.0, 3.0]

    Where the frameworks differ: TensorFlow's mean of integers is a rounded integer, torch's an error.
    """


@op(_extreme)
def max(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element; elements that tie share the gradient evenly.

    Raises:
        ShapeError: There is no such axis, or it is empty.

    Example:
        >>> unidl.to_numpy(ops.max(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)).tolist()
        [2.0, 4.0]

    Where the frameworks differ: torch's max over one axis gives all of the gradient to one.
    """


@op(_extreme)
def min(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element; elements that tie share the gradient evenly.

    Raises:
        ShapeError: There is no such axis, or it is empty.

    Example:
        >>> unidl.to_numpy(ops.min(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)).tolist()
        [1.0, 3.0]

    Where the frameworks differ: torch's min over one axis gives all of the gradient to one.
    """


@op(_sum)
def prod(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product Π x; its gradient is right where an element is 0.

    Example:
        >>> unidl.to_numpy(ops.prod(np.array([2.0, 3.0, 4.0]))).tolist()
        24.0
    """


@op(_truth)
def any(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether one element is true; a number is true if it is not 0.

    Example:
        >>> unidl.to_numpy(ops.any(np.array([[True, False], [False, False]]), axis=1)).tolist()
        [True, False]
    """


@op(_truth)
def all(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether every element is true; a number is true if it is not 0.

    Example:
        >>> unidl.to_numpy(ops.all(np.array([[True, False], [True, True]]), axis=1)).tolist()
        [False, True]
    """


@op(_mean)
def var(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The variance Σ (x - mean)² / n.

    Example:
        >>> unidl.to_numpy(ops.var(np.array([1.0, 3.0]))).tolist()
        1.0

    Where the frameworks differ: torch divides by n - 1 by default.
    """


@op(_mean)
def std(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The standard deviation √var(x); its gradient is 0 where all elements are equal.

    Example:
        >>> unidl.to_numpy(ops.std(np.array([1.0, 3.0]))).tolist()
        1.0

    Where the frameworks differ: torch divides by n - 1 by default; TensorFlow's gradient is NaN where all are equal.
    """


@op(_mean)
def norm(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The Euclidean length √(Σ x²); its gradient at 0 is 0.

    Example:
        >>> unidl.to_numpy(ops.norm(np.array([3.0, 4.0]))).tolist()
        5.0

    Where the frameworks differ: TensorFlow's gradient at 0 is NaN.
    """


@op(_running)
def cumsum(x: Tensor, axis: int = -1) -> Tensor:
    """The running sum along an axis: the element itself and all before it.

    Args:
        x: At least one axis.
        axis: Along which to sum.

    Example:
        >>> unidl.to_numpy(ops.cumsum(np.array([1.0, 2.0, 3.0]))).tolist()
        [1.0, 3.0, 6.0]
    """


@op(_running)
def cumprod(x: Tensor, axis: int = -1) -> Tensor:
    """The running product along an axis; its gradient is right where an element is 0.

    Args:
        x: At least one axis.
        axis: Along which to multiply.

    Example:
        >>> unidl.to_numpy(ops.cumprod(np.array([1.0, 2.0, 3.0]))).tolist()
        [1.0, 2.0, 6.0]

    Where the frameworks differ: TensorFlow's own gradient is wrong where an element is 0.
    """


@op(_count)
def count_nonzero(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements are not 0, as int64.

    Example:
        >>> unidl.to_numpy(ops.count_nonzero(np.array([1.0, 0.0, 2.0]))).tolist()
        2
    """


@op(_position)
def argmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the largest element along an axis, the first of those that tie, as int64.

    Args:
        x: Any shape.
        axis: One axis; None counts through all elements.
        keepdims: Whether the axis stays, with length 1.

    Raises:
        ShapeError: There is no such axis, or it is empty.

    Example:
        >>> unidl.to_numpy(ops.argmax(np.array([1.0, 3.0, 3.0]))).tolist()
        1
    """


@op(_position)
def argmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the smallest element along an axis, the first of those that tie, as int64.

    Args:
        x: Any shape.
        axis: One axis; None counts through all elements.
        keepdims: Whether the axis stays, with length 1.

    Raises:
        ShapeError: There is no such axis, or it is empty.

    Example:
        >>> unidl.to_numpy(ops.argmin(np.array([3.0, 1.0, 1.0]))).tolist()
        1
    """
