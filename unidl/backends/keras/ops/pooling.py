"""Lowerings of unidl.ops.pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from unidl.backends.keras.deferred import deferred
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.ops.convolution import LAYOUT, pad_spatial, padded
from unidl.graph.window import Padding, pooling

ops = keras.ops
Tensor = Any


@deferred("max_pool")
def max_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)
    x, name = padded(x, window, float("-inf"))
    return ops.max_pool(x, window.size, window.strides, name, LAYOUT)


@deferred("average_pool")
def average_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)
    if window.padding == "valid" or (window.padding == "same" and ENGINE != "torch"):
        return ops.average_pool(x, window.size, window.strides, window.padding, LAYOUT)
    # Keras' own "same" is wrong on torch: it repeats the border where the pads are uneven
    pads = window.pads(ops.shape(x)[1:-1])
    sums, counts = (
        ops.average_pool(pad_spatial(image, pads), window.size, window.strides, "valid", LAYOUT)
        for image in (x, ops.ones_like(x[:1, ..., :1]))
    )
    return sums / counts


TABLE: dict[str, Callable[..., Any]] = {"max_pool": max_pool, "average_pool": average_pool}
