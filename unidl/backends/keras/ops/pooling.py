"""Lowerings of unidl.ops.pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from unidl.backends.keras.deferred import deferred
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.ops.convolution import LAYOUT, pad_spatial, padded
from unidl.graph.window import Padding, Window, pooling

ops = keras.ops
Tensor = Any


@deferred("max_pool")
def max_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)
    x, name = padded(x, window, float("-inf"))
    return _pool(ops.max_pool, x, window, name)


@deferred("average_pool")
def average_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)
    if window.padding == "valid" or (window.padding == "same" and ENGINE != "torch"):
        return _pool(ops.average_pool, x, window, window.padding)
    # Keras' own "same" is wrong on torch: it repeats the border where the pads are uneven
    pads = window.pads(ops.shape(x)[1:-1])
    sums, counts = (
        _pool(ops.average_pool, pad_spatial(image, pads), window, "valid")
        for image in (x, ops.ones_like(x[:1, ..., :1]))
    )
    return sums / counts


def _pool(pool: Callable[..., Tensor], x: Tensor, window: Window, name: str) -> Tensor:
    wanting = ENGINE == "tensorflow" and keras.backend.standardize_dtype(x.dtype) == "float64"
    if len(window.size) < 3 or not wanting:
        return pool(x, window.size, window.strides, name, LAYOUT)
    # on a CPU TensorFlow has none for float64 over three axes: first height and width, then depth
    batch, depth, height, width, channels = ops.shape(x)
    x = pool(ops.reshape(x, (-1, height, width, channels)), window.size[1:], window.strides[1:], name, LAYOUT)
    _, height, width, _ = ops.shape(x)
    x = ops.reshape(x, (batch, depth, height * width, channels))
    x = pool(x, (window.size[0], 1), (window.strides[0], 1), name, LAYOUT)  # (batch, depth, height * width, channels)
    return ops.reshape(x, (batch, ops.shape(x)[1], height, width, channels))


TABLE: dict[str, Callable[..., Any]] = {"max_pool": max_pool, "average_pool": average_pool}
