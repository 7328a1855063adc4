"""Lowerings of unidl.ops.convolution: channels-first *views* of channels-last data, padded by hand where torch cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from unidl.graph.window import Padding, convolution, transposed_convolution

_CONV = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_TRANSPOSED = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}


def channels_first(x: Tensor) -> Tensor:
    """A view (batch, channels, *spatial) of (batch, *spatial, channels)."""
    return x.movedim(-1, 1)


def channels_last(x: Tensor) -> Tensor:
    """The view back."""
    return x.movedim(1, -1)


def outer_first(kernel: Tensor) -> Tensor:
    """(filters, channels, *window) of (*window, channels, filters); no copy where the kernel is a view of a native one."""
    rank = kernel.ndim - 2
    return kernel.permute(rank + 1, rank, *range(rank)).contiguous()  # torch fails on some kernels that are not


def pad_spatial(x: Tensor, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """More around the spatial axes of (batch, channels, *spatial)."""
    return functional.pad(x, [width for pair in reversed(pads) for width in pair], value=value)


def conv(
    x: Tensor,
    kernel: Tensor,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    window, _ = convolution(tuple(x.shape), tuple(kernel.shape), strides, padding, dilation, groups)
    pads = window.pads(x.shape[1:-1])
    image = channels_first(x)  # (batch, channels, *spatial)
    if all(low == high for low, high in pads):
        even = tuple(low for low, _ in pads)
    else:
        image, even = pad_spatial(image, pads), (0,) * len(pads)
    run = _CONV[len(pads)]
    return channels_last(run(image, outer_first(kernel), None, window.strides, even, window.dilation, groups))


def conv_transpose(
    x: Tensor,
    kernel: Tensor,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    window, result = transposed_convolution(tuple(x.shape), tuple(kernel.shape), strides, padding, dilation)
    run = _TRANSPOSED[len(window.size)]
    image = run(channels_first(x), outer_first(kernel), None, window.strides, 0, 0, 1, window.dilation)
    # torch gives (n - 1) * stride + extent places; a negative pad cuts
    cuts = [max(e - s, 0) // 2 if padding == "same" else 0 for e, s in zip(window.extent, window.strides, strict=True)]
    ends = [n + cut - m for n, cut, m in zip(result[1:-1], cuts, image.shape[2:], strict=True)]  # type: ignore[operator]
    return channels_last(pad_spatial(image, [(-cut, end) for cut, end in zip(cuts, ends, strict=True)]))


TABLE: dict[str, Callable[..., Any]] = {"conv": conv, "conv_transpose": conv_transpose}
