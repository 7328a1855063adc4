"""Lowerings of unidl.ops.pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from unidl.backends.torch.ops.convolution import channels_first, channels_last, pad_spatial
from unidl.graph.window import Padding, pooling

_MAX = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
_AVERAGE = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}


def max_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)
    pads = window.pads(x.shape[1:-1])
    image = channels_first(x)  # (batch, channels, *spatial)
    if all(low == high and 2 * low <= k for (low, high), k in zip(pads, window.size, strict=True)):
        even = tuple(low for low, _ in pads)
    else:
        image, even = pad_spatial(image, pads, float("-inf")), (0,) * len(pads)
    return channels_last(_MAX[len(pads)](image, window.size, window.strides, even))


def average_pool(
    x: Tensor, size: int | Sequence[int], strides: int | Sequence[int] | None = None, padding: Padding = "valid"
) -> Tensor:
    window, _ = pooling(tuple(x.shape), size, strides, padding)
    pads = window.pads(x.shape[1:-1])
    image, pool = channels_first(x), _AVERAGE[len(pads)]  # (batch, channels, *spatial)
    if all(low == high and 2 * low <= k for (low, high), k in zip(pads, window.size, strict=True)):
        even = tuple(low for low, _ in pads)
        return channels_last(pool(image, window.size, window.strides, even, count_include_pad=False))
    inside = image.new_ones((1, 1, *image.shape[2:]))
    sums, counts = (pool(pad_spatial(t, pads), window.size, window.strides) for t in (image, inside))
    return channels_last(sums / counts)


TABLE: dict[str, Callable[..., Any]] = {"max_pool": max_pool, "average_pool": average_pool}
