"""Lowerings of unidl.ops.sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.ops.indexing import take_along_axis
from unidl.backends.tensorflow.tracing import lacks_kernels

Tensor: TypeAlias = tf.Tensor


def argsort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    direction = "DESCENDING" if descending else "ASCENDING"
    return tf.cast(tf.argsort(_keys(x), axis, direction, stable=True), tf.int64)


def _keys(x: Tensor) -> Tensor:
    """Integers that sort as x does with NaN as the largest: where TensorFlow's sort puts NaN depends on what lies beside it."""
    if not x.dtype.is_floating or lacks_kernels():
        return x
    x = x if x.dtype in (tf.float32, tf.float64) else tf.cast(x, tf.float32)
    kind = tf.int32 if x.dtype == tf.float32 else tf.int64
    one_zero = tf.where(x == 0, tf.zeros_like(x), x)  # whose two signs are equal
    bits = tf.bitcast(tf.where(tf.math.is_nan(x), tf.constant(float("nan"), x.dtype), one_zero), kind)
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, tf.constant(kind.max, kind)), bits)


def sort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    return take_along_axis(x, argsort(x, axis, descending), axis)


def top_k(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    _, indices = tf.math.top_k(_keys(x), k)  # the lowest index first at ties
    return tf.gather(x, indices, batch_dims=x.shape.rank - 1, axis=-1), tf.cast(indices, tf.int64)


TABLE: dict[str, Callable[..., Any]] = {"sort": sort, "argsort": argsort, "top_k": top_k}
