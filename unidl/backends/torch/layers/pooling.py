"""Pooling over images: torch's own modules on channels-first views, padded by hand where padding is "same"."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.backends.lowering import Lowering, by_definition, refuses_integers
from unidl.backends.torch.layers.convolution import padded
from unidl.layers import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from unidl.native.row import FIRST, Native, one

_WINDOW = {"kernel_size": one("pool_size"), "stride": one("strides")}


def _max(layer: Any, native: Any, x: Any) -> Any:
    """torch pads evenly and at most half a window."""
    return native(padded(x, layer.pool_size, layer.strides, value=float("-inf")))


def _average(layer: Any, native: Any, x: Any) -> Any:
    """torch's padding would count; the window's size cancels out."""
    inside = ops.ones((1, *x.shape[1:3], 1), like=x)
    return native(padded(x, layer.pool_size, layer.strides)) / native(padded(inside, layer.pool_size, layer.strides))


MAX_POOLING = Native(
    "nn.MaxPool2d",
    _WINDOW,
    layout=FIRST,
    function="torch.max_pool2d({x}, {kernel_size}, {stride}, {padding}, {dilation}, {ceil_mode})",
    call=_max,
    direct=lambda plan: plan.attributes["padding"] == "valid",
    implied={"return_indices": False},
    unsupported=refuses_integers,
    written=False,
)
AVERAGE_POOLING = Native(
    "nn.AvgPool2d",
    _WINDOW,
    layout=FIRST,
    call=_average,
    direct=lambda plan: plan.attributes["padding"] == "valid",
    unsupported=refuses_integers,
    written=False,
)
GLOBAL_AVERAGE = Native(
    "nn.AdaptiveAvgPool2d",
    {"output_size": (1,)},
    layout=FIRST,
    call=lambda layer, native, x: native(x) if layer.keepdims else ops.squeeze(native(x), (1, 2)),
    unsupported=refuses_integers,
    written=False,
)

ROWS: dict[type, Native] = {
    MaxPooling2D: MAX_POOLING,
    AveragePooling2D: AVERAGE_POOLING,
    GlobalAveragePooling2D: GLOBAL_AVERAGE,
}

TABLE: dict[type, Lowering] = {
    GlobalMaxPooling2D: by_definition("torch.nn.AdaptiveMaxPool2d gives the gradient at a tie to one pixel only"),
}
