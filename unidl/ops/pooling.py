"""Pooling over one to three spatial axes, channels last. Pooling over all of an axis is `ops.max` or `ops.mean`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.errors import DtypeError
from unidl.graph import window
from unidl.graph.operand import meeting_dtype, shape_of
from unidl.graph.spec import TensorSpec, is_float
from unidl.ops.op import op

Tensor = Any


def _pool(x: Any, size: Any, strides: Any, padding: Any) -> TensorSpec:
    dtype = meeting_dtype(x)
    if not is_float(dtype):
        raise DtypeError("Pooling is of floats.", received=dtype, fix='ops.cast(x, "float32")')
    return TensorSpec(window.pooling(shape_of(x), size, strides, padding)[1], dtype)


@op(_pool)
def max_pool(
    x: Tensor,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: window.Padding = "valid",
) -> Tensor:
    """The largest element in each window; padding never wins, and at a tie the gradient goes to the first.

    Args:
        x: (batch, *spatial, channels).
        size: The window's length, one number or one for each spatial axis.
        strides: How far it moves; None is `size`.
        padding: "valid", "same", or a pair (low, high) for each spatial axis, as in `ops.conv`.
    Input: (batch, *spatial, channels), floating
    Output: (batch, *lengths, channels), same dtype

    Raises:
        ShapeError: The window does not fit into an axis.
        DtypeError: The input holds no floats.
        ArgumentError: An argument has no meaning.

    Example:
        >>> unidl.to_numpy(ops.max_pool(np.array([[[1.0], [3.0], [2.0], [5.0]]]), 2)).ravel().tolist()
        [3.0, 5.0]
    """


@op(_pool)
def average_pool(
    x: Tensor,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: window.Padding = "valid",
) -> Tensor:
    """The mean of each window, over what lies inside the tensor: padding does not count.

    Args:
        x: (batch, *spatial, channels).
        size: The window's length, one number or one for each spatial axis.
        strides: How far it moves; None is `size`.
        padding: "valid", "same", or a pair (low, high) for each spatial axis, as in `ops.conv`.
    Input: (batch, *spatial, channels), floating
    Output: (batch, *lengths, channels), same dtype

    Raises:
        ShapeError: The window does not fit into an axis.
        DtypeError: The input holds no floats.
        ArgumentError: An argument has no meaning.

    Example:
        >>> unidl.to_numpy(ops.average_pool(np.array([[[1.0], [3.0], [2.0]]]), 2, padding="same")).ravel().tolist()
        [2.0, 2.0]

    Where the frameworks differ: torch counts the padding as zeros unless told otherwise; Keras on torch repeats the border
    where "same" is uneven.
    """
