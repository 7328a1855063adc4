"""Lowerings of unidl.ops.arithmetic. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import exact
from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import dtype_of, name_of, numbers, on_number, on_real, reals
from unidl.graph.spec import is_float

Tensor = Any


def add(x: Any, y: Any) -> Tensor:
    return keras.ops.add(*numbers(x, y))


def subtract(x: Any, y: Any) -> Tensor:
    return keras.ops.subtract(*numbers(x, y))


def multiply(x: Any, y: Any) -> Tensor:
    return keras.ops.multiply(*numbers(x, y))


def divide(x: Any, y: Any) -> Tensor:
    return keras.ops.divide(*reals(x, y))


def floor_divide(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    if not is_float(dtype_of(x, y)):
        return keras.ops.floor_divide(x, y)
    # on the TensorFlow engine it rounds the rounded quotient; the remainder is exact, and what is left divides evenly
    whole = keras.ops.round(keras.ops.divide(keras.ops.subtract(x, keras.ops.mod(x, y)), y))
    return keras.ops.stop_gradient(keras.ops.where(keras.ops.equal(y, 0), keras.ops.divide(x, y), whole))


def mod(x: Any, y: Any) -> Tensor:
    return keras.ops.mod(*numbers(x, y))


def power(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    if is_float(dtype_of(x, y)):  # on the TensorFlow engine the gradient of 0 to the 0 is NaN
        x = keras.ops.where(keras.ops.logical_and(keras.ops.equal(x, 0), keras.ops.equal(y, 0)), 1.0, x)
    return keras.ops.power(x, y)


def negative(x: Tensor) -> Tensor:
    return keras.ops.subtract(keras.ops.zeros_like(x), x) if name_of(x.dtype) == "uint8" else keras.ops.negative(x)


def _half_each(x: Any, y: Any) -> Tensor:
    return keras.ops.add(keras.ops.multiply(x, 0.5), keras.ops.multiply(y, 0.5))


def maximum(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    larger = keras.ops.maximum(x, y)
    if not is_float(dtype_of(x, y)):
        return larger
    # on the TensorFlow engine x gets all of the gradient at a tie
    return keras.ops.where(keras.ops.equal(x, y), _half_each(x, y), larger)


def minimum(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    smaller = keras.ops.minimum(x, y)
    if not is_float(dtype_of(x, y)):
        return smaller
    return keras.ops.where(keras.ops.equal(x, y), _half_each(x, y), smaller)


def clip(x: Any, low: float | None = None, high: float | None = None) -> Tensor:
    bounds = [bound for bound in (low, high) if bound is not None]
    x, *bounds = numbers(x, *bounds)
    if low is not None:
        x = keras.ops.where(keras.ops.less(x, bounds[0]), bounds[0], x)
    if high is not None:
        x = keras.ops.where(keras.ops.greater(x, bounds[-1]), bounds[-1], x)
    return x


def whole(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    """A rounding: integers are whole already."""

    def run(x: Any) -> Tensor:
        (x,) = numbers(x)
        return function(x) if is_float(name_of(x.dtype)) else x

    return run


def cast(x: Any, dtype: str) -> Tensor:
    return keras.ops.cast(x, dtype)


def dtype(x: Any) -> str:
    return dtype_of(x)


TABLE: dict[str, Callable[..., Any]] = {
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "divide": divide,
    "floor_divide": exact("floor_divide", floor_divide),
    "mod": mod,
    "power": exact("power", power),
    "negative": on_number(negative),
    "abs": on_number(keras.ops.abs),
    "sign": on_number(keras.ops.sign),
    "maximum": exact("maximum", maximum),
    "minimum": exact("minimum", minimum),
    "square": on_number(keras.ops.square),
    "sqrt": on_real(keras.ops.sqrt),
    "rsqrt": on_real(keras.ops.rsqrt),
    "reciprocal": on_real(keras.ops.reciprocal),
    "exp": on_real(keras.ops.exp),
    "expm1": on_real(keras.ops.expm1),
    "log": on_real(keras.ops.log),
    "log1p": on_real(keras.ops.log1p),
    "sin": on_real(keras.ops.sin),
    "cos": on_real(keras.ops.cos),
    "tan": on_real(keras.ops.tan),
    "tanh": on_real(keras.ops.tanh),
    "floor": exact("floor", whole(keras.ops.floor)),
    "ceil": exact("ceil", whole(keras.ops.ceil)),
    "round": whole(keras.ops.round),
    "erf": on_real(keras.ops.erf),
    "clip": clip,
    "cast": cast,
    "dtype": dtype,
}
