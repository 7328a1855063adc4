"""Lowerings of unidl.ops.reduction. `axis` is one axis, several, or None for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import numbers, reals

Tensor: TypeAlias = tf.Tensor


def _tensor(x: Any) -> Tensor:
    """Integers and bools as int64, in which they are summed."""
    x = tf.convert_to_tensor(x)
    return x if x.dtype.is_floating else tf.cast(x, tf.int64)


def _root(x: Tensor) -> Tensor:
    """The square root, with the gradient 0 at 0."""
    zero = x == 0
    return tf.where(zero, tf.zeros_like(x), tf.sqrt(tf.where(zero, tf.ones_like(x), x)))


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.reduce_sum(_tensor(x), axis, keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.reduce_mean(*reals(x), axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.reduce_max(*numbers(x), axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.reduce_min(*numbers(x), axis, keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.reduce_prod(_tensor(x), axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.reduce_any(tf.cast(x, tf.bool), axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.reduce_all(tf.cast(x, tf.bool), axis, keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.math.reduce_variance(*reals(x), axis, keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _root(var(x, axis, keepdims))


def norm(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return _root(tf.reduce_sum(tf.square(*reals(x)), axis, keepdims))


def cumsum(x: Any, axis: int = -1) -> Tensor:
    return tf.cumsum(_tensor(x), axis)


def cumprod(x: Any, axis: int = -1) -> Tensor:
    x = _tensor(x)
    if not x.dtype.is_floating:
        return tf.math.cumprod(x, axis)
    # TensorFlow's gradient divides by x. So the first zero on the way is taken out and multiplied in again: from there on the
    # product is that element times the others
    zero = tf.cast(x == 0, tf.int32)
    zeros = tf.cumsum(zero, axis)  # how many so far
    first = tf.logical_and(x == 0, zeros == 1)
    others = tf.math.cumprod(tf.where(first, tf.ones_like(x), x), axis)
    taken_out = tf.cumsum(tf.where(first, x, tf.zeros_like(x)), axis)
    return others * tf.where(zeros == 0, tf.ones_like(x), taken_out)


def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.math.count_nonzero(x, axis, keepdims, dtype=tf.int64)


def _position(find: Callable[..., Tensor], x: Any, axis: int | None, keepdims: bool) -> Tensor:
    (x,) = numbers(x)
    flat, along = (tf.reshape(x, (-1,)), 0) if axis is None else (x, axis)
    found = find(flat, along, output_type=tf.int64)
    if x.dtype.is_floating:  # NaN wins, which TensorFlow's kernel passes over
        nan = tf.math.is_nan(flat)
        first = tf.argmax(tf.cast(nan, tf.int32), along, output_type=tf.int64)
        found = tf.where(tf.reduce_any(nan, along), first, found)
    if not keepdims:
        return found
    return tf.reshape(found, [1] * x.shape.rank) if axis is None else tf.expand_dims(found, axis)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return _position(tf.argmax, x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return _position(tf.argmin, x, axis, keepdims)


TABLE: dict[str, Callable[..., Any]] = {
    "sum": sum,
    "mean": mean,
    "max": max,
    "min": min,
    "prod": prod,
    "any": any,
    "all": all,
    "var": var,
    "std": std,
    "norm": norm,
    "cumsum": cumsum,
    "cumprod": cumprod,
    "count_nonzero": count_nonzero,
    "argmax": argmax,
    "argmin": argmin,
}
