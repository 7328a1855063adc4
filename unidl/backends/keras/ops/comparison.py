"""Lowerings of unidl.ops.comparison. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import dtype_of, in_dtype, meet, on_real

Tensor = Any


def equal(x: Any, y: Any) -> Tensor:
    return keras.ops.equal(*meet(x, y))


def not_equal(x: Any, y: Any) -> Tensor:
    return keras.ops.not_equal(*meet(x, y))


def _ordered(x: Any, y: Any) -> tuple[Any, ...]:
    """Operands with an order: TensorFlow knows none for bool, and false is below true."""
    name = dtype_of(x, y)
    return in_dtype((x, y), "int8" if name == "bool" else name)


def less(x: Any, y: Any) -> Tensor:
    return keras.ops.less(*_ordered(x, y))


def less_equal(x: Any, y: Any) -> Tensor:
    return keras.ops.less_equal(*_ordered(x, y))


def greater(x: Any, y: Any) -> Tensor:
    return keras.ops.greater(*_ordered(x, y))


def greater_equal(x: Any, y: Any) -> Tensor:
    return keras.ops.greater_equal(*_ordered(x, y))


def logical_and(x: Any, y: Any) -> Tensor:
    return keras.ops.logical_and(*meet(x, y))


def logical_or(x: Any, y: Any) -> Tensor:
    return keras.ops.logical_or(*meet(x, y))


def logical_xor(x: Any, y: Any) -> Tensor:
    return keras.ops.logical_xor(*meet(x, y))


def logical_not(x: Any) -> Tensor:
    return keras.ops.logical_not(*meet(x))


def where(condition: Any, x: Any, y: Any) -> Tensor:
    return keras.ops.where(condition, *meet(x, y))


TABLE: dict[str, Callable[..., Any]] = {
    "equal": equal,
    "not_equal": not_equal,
    "less": less,
    "less_equal": less_equal,
    "greater": greater,
    "greater_equal": greater_equal,
    "isnan": on_real(keras.ops.isnan),
    "isinf": on_real(keras.ops.isinf),
    "isfinite": on_real(keras.ops.isfinite),
    "logical_and": logical_and,
    "logical_or": logical_or,
    "logical_xor": logical_xor,
    "logical_not": logical_not,
    "where": where,
}
