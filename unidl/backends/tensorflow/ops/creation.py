"""Lowerings of unidl.ops.creation. TensorFlow places a new tensor where the model runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from unidl.backends.tensorflow.promotion import constant, dtype_of
from unidl.backends.tensorflow.tensor import at_hand, to_tensor
from unidl.graph.spec import is_float
from unidl.ops.creation import range_bounds, range_length

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
    return tf.fill(lengths(shape), constant(value, placed(dtype, like, dtype_of(value))))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None, like: Any = None) -> Tensor:
    start, stop = range_bounds(start, stop, step)
    kind = placed(dtype, like, dtype_of(start, stop, step))
    known = [at_hand(bound) if tf.is_tensor(bound) else np.asarray(bound) for bound in (start, stop, step)]
    numbers = [bound.item() for bound in known if bound is not None]
    if len(numbers) == len(known):
        range_length(*numbers)
    if not is_float(dtype_of(start, stop, step)):
        bounds = [tf.cast(bound, tf.int64) if tf.is_tensor(bound) else bound for bound in (start, stop, step)]
        return tf.cast(tf.range(*bounds, dtype=tf.int64), kind)  # (length,)
    # tf.range of floats adds up the steps, and ends by the rounded sum
    start, stop, step = (
        tf.cast(b, tf.float64) if tf.is_tensor(b) else constant(b, tf.float64) for b in (start, stop, step)
    )
    count = tf.maximum(tf.cast(tf.math.ceil((stop - start) / step), tf.int64), 0)
    return tf.cast(start + tf.cast(tf.range(count), tf.float64) * step, kind)


def linspace(start: float, stop: float, count: int, dtype: str | None = None, like: Any = None) -> Tensor:
    kind = placed(dtype, like, "float32")
    return tf.linspace(constant(start, kind), constant(stop, kind), count)  # (count,)


def eye(rows: Any, columns: Any = None, dtype: str | None = None, like: Any = None) -> Tensor:
    return tf.eye(rows, columns, dtype=placed(dtype, like, "float32"))  # (rows, columns)


def zeros_like(x: Any, dtype: str | None = None) -> Tensor:
    return tf.zeros_like(to_tensor(x), dtype)


def ones_like(x: Any, dtype: str | None = None) -> Tensor:
    return tf.ones_like(to_tensor(x), dtype)


def full_like(x: Any, value: Any, dtype: str | None = None) -> Tensor:
    x = to_tensor(x)
    return tf.fill(tf.shape(x), constant(value, placed(dtype, x, "float32")))


def tensor(value: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    kind = None if dtype is None and like is None else placed(dtype, like, "float32").name
    return to_tensor(value, kind)


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
