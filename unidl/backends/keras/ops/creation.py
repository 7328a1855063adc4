"""Lowerings of unidl.ops.creation. Keras places a new tensor where the model runs; lengths may be KerasTensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import deferred, of_engine
from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import constant, dtype_of
from unidl.backends.keras.tensor import plain, to_tensor
from unidl.graph.spec import dtype_name
from unidl.ops.creation import range_bounds

Tensor = Any


def placed(dtype: str | None, like: Any, default: str) -> str:
    """The dtype of a new tensor."""
    return dtype if dtype is not None else dtype_name(like.dtype) if like is not None else default


def lengths(shape: Any) -> tuple[Any, ...]:
    """A `shape` argument as Keras takes it."""
    return tuple(plain(length) for length in (shape if isinstance(shape, (tuple, list)) else (shape,)))


def zeros(shape: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return keras.ops.zeros(lengths(shape), placed(dtype, like, "float32"))


def ones(shape: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return keras.ops.ones(lengths(shape), placed(dtype, like, "float32"))


def full(shape: Any, value: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    kind = placed(dtype, like, dtype_of(value))
    return keras.ops.full(lengths(shape), constant(value, kind), kind)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None, like: Any = None) -> Tensor:
    start, stop = range_bounds(start, stop, step)
    return keras.ops.arange(start, stop, step, placed(dtype, like, dtype_of(start, stop, step)))  # (length,)


def linspace(start: float, stop: float, count: int, dtype: str | None = None, like: Any = None) -> Tensor:
    return keras.ops.linspace(start, stop, count, dtype=placed(dtype, like, "float32"))  # (count,)


def eye(rows: Any, columns: Any = None, dtype: str | None = None, like: Any = None) -> Tensor:
    rows, columns = lengths((rows, rows if columns is None else columns))
    return keras.ops.eye(rows, columns, dtype=placed(dtype, like, "float32"))  # (rows, columns)


def zeros_like(x: Any, dtype: str | None = None) -> Tensor:
    x = to_tensor(x)
    return keras.ops.zeros_like(x, placed(dtype, x, "float32"))


def ones_like(x: Any, dtype: str | None = None) -> Tensor:
    x = to_tensor(x)
    return keras.ops.ones_like(x, placed(dtype, x, "float32"))


def full_like(x: Any, value: Any, dtype: str | None = None) -> Tensor:
    x = to_tensor(x)
    kind = placed(dtype, x, "float32")
    return keras.ops.full_like(x, constant(value, kind), kind)


def tensor(value: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return to_tensor(value, None if dtype is None and like is None else placed(dtype, like, "float32"))


TABLE: dict[str, Callable[..., Any]] = {
    "zeros": deferred("zeros")(zeros),
    "ones": deferred("ones")(ones),
    "full": deferred("full")(full),
    "arange": of_engine("arange", deferred("arange")(arange)),
    "linspace": linspace,
    "eye": deferred("eye")(eye),
    "zeros_like": zeros_like,
    "ones_like": ones_like,
    "full_like": full_like,
    "tensor": tensor,
}
