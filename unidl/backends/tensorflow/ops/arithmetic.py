"""Lowerings of unidl.ops.arithmetic. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow.python.eager import record

from unidl.backends.tensorflow.ops.linear_algebra import on_rows
from unidl.backends.tensorflow.promotion import dtype_of, numbers, on_number, on_real, reals, widely
from unidl.backends.tensorflow.tensor import at_hand
from unidl.ops.undefined import undefined

Tensor: TypeAlias = tf.Tensor


def add(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    if not _is_bias(x, y):
        return tf.add(x, y)
    return on_rows(lambda rows: tf.nn.bias_add(rows, y), x)


def _is_bias(x: Tensor, y: Tensor) -> bool:
    """Whether y is one number for each channel: there is a kernel for that, with a cheaper gradient than broadcasting has."""
    channels = y.shape[0] if y.shape.rank == 1 else None
    return channels is not None and x.dtype.is_floating and (x.shape.rank or 0) > 1 and x.shape[-1] == channels


def subtract(x: Any, y: Any) -> Tensor:
    return tf.subtract(*numbers(x, y))


def multiply(x: Any, y: Any) -> Tensor:
    return tf.multiply(*numbers(x, y))


def divide(x: Any, y: Any) -> Tensor:
    return tf.divide(*reals(x, y))


def floor_divide(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    if not x.dtype.is_floating:
        return _of_integers(tf.math.floordiv, x, y)
    return tf.stop_gradient(_floored(x, y))


def _floored(x: Tensor, y: Tensor) -> Tensor:
    """The quotient that belongs to the remainder, as Python divides: tf.math.floordiv rounds the rounded quotient."""
    if x.dtype not in (tf.float32, tf.float64):  # there is no kernel, and float32 holds both and the remainder exactly
        return tf.cast(_floored(tf.cast(x, tf.float32), tf.cast(y, tf.float32)), x.dtype)
    remainder = tf.truncatemod(x, y)  # exact, with the sign of x
    quotient = (x - remainder) / y
    other_sign = tf.logical_and(remainder != 0, (y < 0) != (remainder < 0))
    quotient = tf.where(other_sign, quotient - 1, quotient)
    floor = tf.floor(quotient)
    return tf.where(y == 0, x / y, tf.where(quotient - floor > 0.5, floor + 1, floor))


def mod(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    if not x.dtype.is_floating:
        return _of_integers(tf.math.floormod, x, y)
    value = tf.math.floormod(x, y)
    if not record.could_possibly_record():
        return value
    # TensorFlow's gradient by y has the rounded quotient. So the value is a constant here, to which 0 is added that has the gradient
    quotient = tf.stop_gradient(_finite(_floored(x, y)))
    return tf.stop_gradient(value) + (_zero(x) - quotient * _zero(y))


def _finite(x: Tensor) -> Tensor:
    return tf.where(tf.math.is_finite(x), x, tf.zeros_like(x))


def _zero(x: Tensor) -> Tensor:
    """0, with the gradient 1 by x."""
    x = _finite(x)
    return x - tf.stop_gradient(x)


def power(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    if not x.dtype.is_floating:
        return _of_integers(widely(tf.pow), x, y)
    # TensorFlow's gradient of 0 to the 0 is NaN
    return tf.pow(tf.where(tf.logical_and(x == 0, y == 0), tf.ones_like(x), x), y)


def _of_integers(function: Callable[..., Tensor], x: Tensor, y: Tensor) -> Tensor:
    """TensorFlow's function, whose eager kernel's errors are unidl's own. Of a graph's see `explained`."""
    try:
        return function(x, y)
    except tf.errors.InvalidArgumentError as error:
        raise undefined(error, at_hand(y))  # noqa: B904  # which has its cause


def erf(x: Any) -> Tensor:
    (x,) = reals(x)
    if x.dtype != tf.float64:
        return tf.math.erf(x)
    # the kernel squares x, which overflows; beyond 30 it is 1, and its gradient 0
    return tf.math.erf(tf.where(tf.abs(x) > 30.0, tf.clip_by_value(x, -30.0, 30.0), x))


def maximum(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    larger = tf.maximum(x, y)
    if not x.dtype.is_floating:
        return larger
    return tf.where(x == y, 0.5 * x + 0.5 * y, larger)  # tf.maximum gives x all of the gradient at a tie


def minimum(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    smaller = tf.minimum(x, y)
    if not x.dtype.is_floating:
        return smaller
    return tf.where(x == y, 0.5 * x + 0.5 * y, smaller)


def clip(x: Any, low: float | None = None, high: float | None = None) -> Tensor:
    bounds = [bound for bound in (low, high) if bound is not None]
    x, *bounds = numbers(x, *bounds)
    if low is not None:
        x = tf.where(x < bounds[0], bounds[0], x)
    if high is not None:
        x = tf.where(x > bounds[-1], bounds[-1], x)
    return x


def whole(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    """A rounding: integers are whole already."""

    def run(x: Any) -> Tensor:
        (x,) = numbers(x)
        return function(x) if x.dtype.is_floating else x

    return run


def cast(x: Any, dtype: str) -> Tensor:
    return tf.cast(x, dtype)


def dtype(x: Any) -> str:
    return dtype_of(x)


TABLE: dict[str, Callable[..., Any]] = {
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "divide": divide,
    "floor_divide": floor_divide,
    "mod": mod,
    "power": power,
    "negative": on_number(widely(tf.negative)),
    "abs": on_number(widely(tf.abs)),
    "sign": on_number(widely(tf.sign)),
    "maximum": maximum,
    "minimum": minimum,
    "square": on_number(tf.square),
    "sqrt": on_real(tf.sqrt),
    "rsqrt": on_real(tf.math.rsqrt),
    "reciprocal": on_real(tf.math.reciprocal),
    "exp": on_real(tf.exp),
    "expm1": on_real(tf.math.expm1),
    "log": on_real(tf.math.log),
    "log1p": on_real(tf.math.log1p),
    "sin": on_real(tf.sin),
    "cos": on_real(tf.cos),
    "tan": on_real(tf.tan),
    "tanh": on_real(tf.tanh),
    "floor": whole(tf.floor),
    "ceil": whole(tf.math.ceil),
    "round": whole(tf.round),
    "erf": erf,
    "clip": clip,
    "cast": cast,
    "dtype": dtype,
}
