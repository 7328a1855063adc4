"""Lowerings of unidl.ops.sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.ops.indexing import take_along_axis

Tensor: TypeAlias = tf.Tensor


def argsort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    direction = "DESCENDING" if descending else "ASCENDING"
    return tf.cast(tf.argsort(x, axis, direction, stable=True), tf.int64)


def sort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    return take_along_axis(x, argsort(x, axis, descending), axis)


def top_k(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    values, indices = tf.math.top_k(x, k)  # the lowest index first at ties; with int64 indices it has no gradient
    return values, tf.cast(indices, tf.int64)


TABLE: dict[str, Callable[..., Any]] = {"sort": sort, "argsort": argsort, "top_k": top_k}
