"""Comparison, logic and choice, element by element. Operands meet in one dtype first, as in arithmetic."""

from __future__ import annotations

from typing import Any

from unidl.graph.operand import elementwise, meeting_dtype, shape_of, want
from unidl.graph.spec import TensorSpec
from unidl.ops.op import op

Tensor = Any


def _comparison(x: Any, y: Any) -> TensorSpec:
    meeting_dtype(x, y)  # refuses what is no operand
    return elementwise((x, y), "bool")


def _test(x: Any) -> TensorSpec:
    return TensorSpec(shape_of(x), "bool")


def _logical(x: Any, y: Any) -> TensorSpec:
    return elementwise((want(x, "bool"), want(y, "bool")), "bool")


def _logical_not(x: Any) -> TensorSpec:
    return elementwise((want(x, "bool"),), "bool")


def _where(condition: Any, x: Any, y: Any) -> TensorSpec:
    return elementwise((want(condition, "bool"), x, y), meeting_dtype(x, y))


@op(_comparison)
def equal(x: Tensor, y: Tensor) -> Tensor:
    """Whether x = y; NaN equals nothing.

    Example:
        >>> unidl.to_numpy(ops.equal(np.array([1, 2, 3]), 2)).tolist()
        [False, True, False]
    """


@op(_comparison)
def not_equal(x: Tensor, y: Tensor) -> Tensor:
    """Whether x ≠ y.

    Example:
        >>> unidl.to_numpy(ops.not_equal(np.array([1, 2, 3]), 2)).tolist()
        [True, False, True]
    """


@op(_comparison)
def less(x: Tensor, y: Tensor) -> Tensor:
    """Whether x < y.

    Example:
        >>> unidl.to_numpy(ops.less(np.array([1, 2, 3]), 2)).tolist()
        [True, False, False]
    """


@op(_comparison)
def less_equal(x: Tensor, y: Tensor) -> Tensor:
    """Whether x ≤ y.

    Example:
        >>> unidl.to_numpy(ops.less_equal(np.array([1, 2, 3]), 2)).tolist()
        [True, True, False]
    """


@op(_comparison)
def greater(x: Tensor, y: Tensor) -> Tensor:
    """Whether x > y.

    Example:
        >>> unidl.to_numpy(ops.greater(np.array([1, 2, 3]), 2)).tolist()
        [False, False, True]
    """


@op(_comparison)
def greater_equal(x: Tensor, y: Tensor) -> Tensor:
    """Whether x ≥ y.

    Example:
        >>> unidl.to_numpy(ops.greater_equal(np.array([1, 2, 3]), 2)).tolist()
        [False, True, True]
    """


@op(_test)
def isnan(x: Tensor) -> Tensor:
    """Whether x is not a number.

    Example:
        >>> unidl.to_numpy(ops.isnan(np.array([1.0, np.nan]))).tolist()
        [False, True]
    """


@op(_test)
def isinf(x: Tensor) -> Tensor:
    """Whether x is infinite, of either sign.

    Example:
        >>> unidl.to_numpy(ops.isinf(np.array([1.0, -np.inf]))).tolist()
        [False, True]
    """


@op(_test)
def isfinite(x: Tensor) -> Tensor:
    """Whether x is a number and finite.

    Example:
        >>> unidl.to_numpy(ops.isfinite(np.array([1.0, np.inf, np.nan]))).tolist()
        [True, False, False]
    """


@op(_logical)
def logical_and(x: Tensor, y: Tensor) -> Tensor:
    """Whether both are true; both are bool.

    Example:
        >>> unidl.to_numpy(ops.logical_and(np.array([True, False]), True)).tolist()
        [True, False]
    """


@op(_logical)
def logical_or(x: Tensor, y: Tensor) -> Tensor:
    """Whether one is true; both are bool.

    Example:
        >>> unidl.to_numpy(ops.logical_or(np.array([True, False]), False)).tolist()
        [True, False]
    """


@op(_logical)
def logical_xor(x: Tensor, y: Tensor) -> Tensor:
    """Whether exactly one is true; both are bool.

    Example:
        >>> unidl.to_numpy(ops.logical_xor(np.array([True, False]), True)).tolist()
        [False, True]
    """


@op(_logical_not)
def logical_not(x: Tensor) -> Tensor:
    """Whether x, a bool, is false.

    Example:
        >>> unidl.to_numpy(ops.logical_not(np.array([True, False]))).tolist()
        [False, True]
    """


@op(_where)
def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """x where the condition holds, else y.

    The gradient reaches only what was chosen, but 0 · ∞ is NaN: where the other branch has an infinite gradient (a root or
    logarithm at 0), make its argument harmless first.

    Args:
        condition: A bool tensor.
        x: Value where it is true; a tensor or a number.
        y: Value where it is false. The three broadcast; x and y meet in one dtype.

    Example:
        >>> unidl.to_numpy(ops.where(np.array([True, False]), np.array([1.0, 2.0]), 0.0)).tolist()
        [1.0, 0.0]
    """
