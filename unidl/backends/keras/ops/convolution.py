"""Lowerings of unidl.ops.convolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from unidl.backends.keras.deferred import deferred, exact
from unidl.backends.keras.engine import ENGINE, keras
from unidl.graph.window import Padding, Window, convolution, transposed_convolution
from unidl.ops.convolution import dilated

ops = keras.ops
Tensor = Any
LAYOUT = "channels_last"


@deferred("conv")
def conv(
    x: Tensor,
    kernel: Tensor,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    window, _ = convolution(tuple(x.shape), tuple(kernel.shape), strides, padding, dilation, groups)
    if max(window.strides) > 1 and max(window.dilation) > 1:
        # Keras has not both at once
        dense = conv(pad_spatial(x, window.pads(ops.shape(x)[1:-1])), kernel, 1, "valid", dilation, groups)
        return dense[(slice(None), *(slice(None, None, s) for s in window.strides))]
    x, name = padded(x, window)
    return ops.conv(x, kernel, window.strides, name, LAYOUT, window.dilation)  # Keras sees the groups in the shapes


def padded(x: Tensor, window: Window, value: float = 0.0) -> tuple[Tensor, str]:
    """The image, padded where Keras has no name for that padding, and the name of the rest."""
    if isinstance(window.padding, str):
        return x, window.padding
    return pad_spatial(x, window.padding, value), "valid"


def pad_spatial(x: Tensor, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """More around the spatial axes of (batch, *spatial, channels)."""
    return ops.pad(x, ((0, 0), *pads, (0, 0)), "constant", value)


@deferred("conv_transpose")
def conv_transpose(
    x: Tensor,
    kernel: Tensor,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    window, _ = transposed_convolution(tuple(x.shape), tuple(kernel.shape), strides, padding, dilation)
    if ENGINE == "tensorflow" and max(window.dilation) > 1:  # on a CPU TensorFlow has none
        return conv_transpose(x, dilated(kernel, window.dilation), strides, padding)
    return ops.conv_transpose(x, kernel, window.strides, padding, None, LAYOUT, window.dilation)


# exact: on the torch engine Keras lays out a kernel of one filter so that torch cannot give its gradient
TABLE: dict[str, Callable[..., Any]] = {
    "conv": exact("conv", conv),
    "conv_transpose": conv_transpose,
}
