"""Lowerings of unidl.ops.pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.ops.convolution import FORMAT, padded
from unidl.backends.tensorflow.ops.manipulation import lengths, shape
from unidl.graph.window import Padding, Window, pooling

Tensor: TypeAlias = tf.Tensor


def max_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)
    x, name = padded(x, window, float("-inf"))
    return _pool(tf.nn.max_pool, x, window, name)


def average_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)

    def pool(image: Tensor) -> Tensor:
        image, name = padded(image, window)
        return _pool(tf.nn.avg_pool, image, window, name)

    if isinstance(window.padding, str):  # TensorFlow's own padding does not count
        return pool(x)
    return pool(x) / pool(tf.ones_like(x[:1, ..., :1]))


def _pool(pool: Callable[..., Tensor], x: Tensor, window: Window, name: str) -> Tensor:
    rank = len(window.size)
    if rank < 3 or x.dtype != tf.float64:
        return pool(x, window.size, window.strides, name, FORMAT[rank])
    # on a CPU there is none for float64 over three axes: first height and width, then depth
    batch, depth, height, width, channels = shape(x)
    x = pool(tf.reshape(x, lengths((-1, height, width, channels))), window.size[1:], window.strides[1:], name, "NHWC")
    _, height, width, _ = shape(x)
    x = tf.reshape(x, lengths((batch, depth, height * width, channels)))
    x = pool(x, (window.size[0], 1), (window.strides[0], 1), name, "NHWC")  # (batch, depth, height * width, channels)
    return tf.reshape(x, lengths((batch, shape(x)[1], height, width, channels)))


TABLE: dict[str, Callable[..., Any]] = {"max_pool": max_pool, "average_pool": average_pool}
