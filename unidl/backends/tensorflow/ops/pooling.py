"""Lowerings of unidl.ops.pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.ops.convolution import FORMAT, padded
from unidl.graph.window import Padding, pooling

Tensor: TypeAlias = tf.Tensor


def max_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)
    x, name = padded(x, window, float("-inf"))
    return tf.nn.max_pool(x, window.size, window.strides, name, FORMAT[len(window.size)])


def average_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)

    def pool(image: Tensor) -> Tensor:
        image, name = padded(image, window)
        return tf.nn.avg_pool(image, window.size, window.strides, name, FORMAT[len(window.size)])

    if isinstance(window.padding, str):  # TensorFlow's own padding does not count
        return pool(x)
    return pool(x) / pool(tf.ones_like(x[:1, ..., :1]))


TABLE: dict[str, Callable[..., Any]] = {"max_pool": max_pool, "average_pool": average_pool}
