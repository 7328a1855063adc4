"""Lowerings of unidl.ops.arithmetic. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import exact, of_engine
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.promotion import dtype_of, name_of, numbers, on_number, on_real, reals
from unidl.graph.spec import Shape, is_float

Tensor = Any


def add(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    if ENGINE != "tensorflow" or broadcasts(tuple(x.shape), tuple(y.shape)):
        return keras.ops.add(x, y)
    if broadcasts(tuple(y.shape), tuple(x.shape)):
        return keras.ops.add(y, x)
    return keras.ops.subtract(x, negative(y))


def broadcasts(x: Shape, y: Shape) -> bool:
    """Whether `keras.ops.add` on TensorFlow broadcasts operands of these shapes, whatever their unknown lengths are.

    It takes a y with one axis longer than 1 for the bias of x's last axis, else of x's axis 1, if that is as long.
    """
    if len(x) < 2:
        return True
    for axis, length in enumerate(y):
        others = [other for i, other in enumerate(y) if i != axis]
        if length in (0, 1) or any(other not in (None, 0, 1) for other in others):
            continue  # not, or not alone, longer than 1
        from_end = len(y) - 1 - axis
        taken = [0] if _may_equal(x[-1], length) else []
        if x[-1] != length or length is None:
            taken += [len(x) - 2] if _may_equal(x[1], length) else []
        if taken and (set(taken) != {from_end} or len(y) > len(x) or 0 in y):
            return False
    return True


def _may_equal(a: int | None, b: int | None) -> bool:
    return a is None or b is None or a == b


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
    return add(keras.ops.multiply(x, 0.5), keras.ops.multiply(y, 0.5))


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
    "floor_divide": of_engine("floor_divide", floor_divide),
    "mod": of_engine("mod", mod),
    "power": of_engine("power", power),
    "negative": on_number(negative),
    "abs": on_number(keras.ops.abs),
    "sign": exact("sign", on_number(keras.ops.sign)),
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
    "erf": of_engine("erf", on_real(keras.ops.erf)),
    "clip": clip,
    "cast": cast,
    "dtype": dtype,
}
