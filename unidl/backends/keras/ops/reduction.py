"""Lowerings of unidl.ops.reduction. `axis` is one axis, several, or None for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import exact, of_engine
from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import dtype_of, in_dtype, numbers, reals
from unidl.graph.spec import is_float

Tensor = Any


def _tensor(x: Any) -> Tensor:
    """Integers and bools as int64, in which they are summed."""
    name = dtype_of(x)
    (x,) = in_dtype((x,), name if is_float(name) else "int64")
    return x


def _root(x: Tensor) -> Tensor:
    """The square root, with the gradient 0 at 0."""
    zero = keras.ops.equal(x, 0)
    return keras.ops.where(zero, 0.0, keras.ops.sqrt(keras.ops.where(zero, 1.0, x)))


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.sum(_tensor(x), axis, keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.mean(*reals(x), axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.amax(*numbers(x), axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.amin(*numbers(x), axis, keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.prod(_tensor(x), axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.any(keras.ops.cast(x, "bool"), axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.all(keras.ops.cast(x, "bool"), axis, keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.var(*reals(x), axis, keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _root(var(x, axis, keepdims))


def norm(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _root(keras.ops.sum(keras.ops.square(*reals(x)), axis, keepdims))


def cumsum(x: Any, axis: int = -1) -> Tensor:
    return keras.ops.cumsum(_tensor(x), axis)


def cumprod(x: Any, axis: int = -1) -> Tensor:
    x = _tensor(x)
    if not is_float(dtype_of(x)):
        return keras.ops.cumprod(x, axis)
    # TensorFlow's gradient divides by x. So the first zero on the way is taken out and multiplied in again: from there on the
    # product is that element times the others
    zero = keras.ops.equal(x, 0)
    zeros = keras.ops.cumsum(keras.ops.cast(zero, "int32"), axis)  # how many so far
    first = keras.ops.logical_and(zero, keras.ops.equal(zeros, 1))
    others = keras.ops.cumprod(keras.ops.where(first, 1.0, x), axis)
    taken_out = keras.ops.cumsum(keras.ops.where(first, x, 0.0), axis)
    return keras.ops.multiply(others, keras.ops.where(keras.ops.equal(zeros, 0), 1.0, taken_out))


def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.sum(keras.ops.cast(keras.ops.cast(x, "bool"), "int64"), axis, keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return keras.ops.cast(keras.ops.argmax(*numbers(x), axis, keepdims), "int64")


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return keras.ops.cast(keras.ops.argmin(*numbers(x), axis, keepdims), "int64")


TABLE: dict[str, Callable[..., Any]] = {
    "sum": exact("sum", sum),
    "mean": exact("mean", mean),
    "max": exact("max", max),
    "min": exact("min", min),
    "prod": exact("prod", prod),
    "any": any,
    "all": all,
    "var": exact("var", var),
    "std": exact("std", std),
    "norm": exact("norm", norm),
    "cumsum": exact("cumsum", cumsum),
    "cumprod": exact("cumprod", cumprod),
    "count_nonzero": exact("count_nonzero", count_nonzero),
    "argmax": of_engine("argmax", argmax),
    "argmin": of_engine("argmin", argmin),
}
