"""Lowerings of unidl.ops.comparison. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import meet, on_real

Tensor: TypeAlias = tf.Tensor


def equal(x: Any, y: Any) -> Tensor:
    return tf.equal(*meet(x, y))


def not_equal(x: Any, y: Any) -> Tensor:
    return tf.not_equal(*meet(x, y))


def _ordered(x: Any, y: Any) -> tuple[Tensor, ...]:
    """Operands with an order: TensorFlow knows none for bool, and false is below true."""
    x, y = meet(x, y)
    return (tf.cast(x, tf.int8), tf.cast(y, tf.int8)) if x.dtype == tf.bool else (x, y)


def less(x: Any, y: Any) -> Tensor:
    return tf.less(*_ordered(x, y))


def less_equal(x: Any, y: Any) -> Tensor:
    return tf.less_equal(*_ordered(x, y))


def greater(x: Any, y: Any) -> Tensor:
    return tf.greater(*_ordered(x, y))


def greater_equal(x: Any, y: Any) -> Tensor:
    return tf.greater_equal(*_ordered(x, y))


def logical_and(x: Any, y: Any) -> Tensor:
    return tf.logical_and(*meet(x, y))


def logical_or(x: Any, y: Any) -> Tensor:
    return tf.logical_or(*meet(x, y))


def logical_xor(x: Any, y: Any) -> Tensor:
    return tf.math.logical_xor(*meet(x, y))


def logical_not(x: Any) -> Tensor:
    return tf.logical_not(*meet(x))


def where(condition: Any, x: Any, y: Any) -> Tensor:
    return tf.where(condition, *meet(x, y))


TABLE: dict[str, Callable[..., Any]] = {
    "equal": equal,
    "not_equal": not_equal,
    "less": less,
    "less_equal": less_equal,
    "greater": greater,
    "greater_equal": greater_equal,
    "isnan": on_real(tf.math.is_nan),
    "isinf": on_real(tf.math.is_inf),
    "isfinite": on_real(tf.math.is_finite),
    "logical_and": logical_and,
    "logical_or": logical_or,
    "logical_xor": logical_xor,
    "logical_not": logical_not,
    "where": where,
}
