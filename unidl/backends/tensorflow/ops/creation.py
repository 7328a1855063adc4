"""Lowerings of unidl.ops.creation. TensorFlow places a new tensor where the model runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import dtype_of
from unidl.backends.tensorflow.tensor import to_tensor
from unidl.ops.creation import range_bounds

Tensor: TypeAlias = tf.Tensor


def placed(dtype: str | None, like: Any, default: str) -> tf.DType:
    """The dtype of a new tensor."""
    return tf.as_dtype(dtype if dtype is not None else like.dtype if like is not None else default)


def lengths(shape: Any) -> Any:
    """A `shape` argument as TensorFlow takes it; lengths that are computed are packed into a tensor."""
    if not isinstance(shape, (tuple, list)):
        return tf.reshape(shape, (1,))
    if any(isinstance(length, tf.Tensor) for length in shape):
        return tf.stack([tf.cast(length, tf.int64) for length in shape])
    return tuple(shape)


def zeros(shape: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return tf.zeros(lengths(shape), placed(dtype, like, "float32"))


def ones(shape: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return tf.ones(lengths(shape), placed(dtype, like, "float32"))


def full(shape: Any, value: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return tf.fill(lengths(shape), tf.cast(value, placed(dtype, like, dtype_of(value))))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None, like: Any = None) -> Tensor:
    start, stop = range_bounds(start, stop, step)
    exact = tf.int64 if dtype_of(start, stop, step) not in ("float16", "bfloat16", "float32", "float64") else tf.float64
    bounds = [tf.cast(bound, exact) for bound in (start, stop, step)]
    return tf.cast(tf.range(*bounds), placed(dtype, like, dtype_of(start, stop, step)))  # (length,)


def linspace(start: float, stop: float, count: int, dtype: str | None = None, like: Any = None) -> Tensor:
    kind = placed(dtype, like, "float32")
    return tf.linspace(tf.cast(start, kind), tf.cast(stop, kind), count)  # (count,)


def eye(rows: Any, columns: Any = None, dtype: str | None = None, like: Any = None) -> Tensor:
    return tf.eye(rows, columns, dtype=placed(dtype, like, "float32"))  # (rows, columns)


def zeros_like(x: Any, dtype: str | None = None) -> Tensor:
    return tf.zeros_like(to_tensor(x), dtype)


def ones_like(x: Any, dtype: str | None = None) -> Tensor:
    return tf.ones_like(to_tensor(x), dtype)


def full_like(x: Any, value: Any, dtype: str | None = None) -> Tensor:
    x = to_tensor(x)
    return tf.fill(tf.shape(x), tf.cast(value, dtype or x.dtype))


def tensor(value: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    value = to_tensor(value)
    return tf.cast(value, placed(dtype, like, value.dtype))


TABLE: dict[str, Callable[..., Any]] = {
    "zeros": zeros,
    "ones": ones,
    "full": full,
    "arange": arange,
    "linspace": linspace,
    "eye": eye,
    "zeros_like": zeros_like,
    "ones_like": ones_like,
    "full_like": full_like,
    "tensor": tensor,
}
