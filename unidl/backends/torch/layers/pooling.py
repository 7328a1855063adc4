"""Pooling over images: torch's own modules on channels-first views, padded by hand where padding is "same"."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from unidl.backends.lowering import Lowering, by_definition, refuses_integers
from unidl.backends.torch.direct import instead_of
from unidl.backends.torch.layers.convolution import same_padding
from unidl.description.plan import LayerPlan
from unidl.layers import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D


def _widths(layer: MaxPooling2D | AveragePooling2D, y: torch.Tensor) -> tuple[int, ...]:
    """What functional.pad takes to pad (batch, channels, height, width) as "same" means."""
    rows, columns = (same_padding(y.shape[2 + i], layer.pool_size[i], layer.strides[i], 1) for i in (0, 1))
    return (*columns, *rows)


# -- MaxPooling2D ------------------------------------------------------------------------------------------------------------


def make_max_pooling(plan: LayerPlan) -> nn.MaxPool2d:
    """Without padding of its own: torch's is even."""
    layer: MaxPooling2D = plan.layer  # type: ignore[assignment]
    return nn.MaxPool2d(layer.pool_size, layer.strides)


def call_max_pooling(layer: MaxPooling2D, module: nn.MaxPool2d, x: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, channels) -> (batch, height', width', channels), through views."""
    return module(_padded(layer, x)).permute(0, 2, 3, 1)  # (batch, height', width', channels)


@instead_of(call_max_pooling, nn.MaxPool2d, parameters=0)
def max_pooling(layer: MaxPooling2D, module: nn.MaxPool2d, within: None, x: torch.Tensor) -> torch.Tensor:
    if module.return_indices:
        return call_max_pooling(layer, module, x)
    y = torch.max_pool2d(
        _padded(layer, x), module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode
    )
    return y.permute(0, 2, 3, 1)


def _padded(layer: MaxPooling2D, x: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, channels) -> (batch, channels, height, width), a view where nothing is padded."""
    y = x.permute(0, 3, 1, 2)
    return functional.pad(y, _widths(layer, y), value=float("-inf")) if layer.padding == "same" else y


# -- AveragePooling2D --------------------------------------------------------------------------------------------------------


def make_average_pooling(plan: LayerPlan) -> nn.AvgPool2d:
    """Without padding of its own, which would count."""
    layer: AveragePooling2D = plan.layer  # type: ignore[assignment]
    return nn.AvgPool2d(layer.pool_size, layer.strides)


def call_average_pooling(layer: AveragePooling2D, module: nn.AvgPool2d, x: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, channels) -> (batch, height', width', channels), through views."""
    y = x.permute(0, 3, 1, 2)  # (batch, channels, height, width), a view
    if layer.padding == "valid":
        return module(y).permute(0, 2, 3, 1)
    inside = y.new_ones((1, 1, *y.shape[2:]))
    widths = _widths(layer, y)
    means = module(functional.pad(y, widths)) / module(functional.pad(inside, widths))  # the window's size cancels out
    return means.permute(0, 2, 3, 1)  # (batch, height', width', channels)


# -- global ------------------------------------------------------------------------------------------------------------------


def make_global_average(plan: LayerPlan) -> nn.AdaptiveAvgPool2d:
    """To one pixel."""
    return nn.AdaptiveAvgPool2d(1)


def call_global_average(layer: GlobalAveragePooling2D, module: nn.AdaptiveAvgPool2d, x: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, channels) -> (batch, channels)."""
    y = module(x.permute(0, 3, 1, 2))  # (batch, channels, 1, 1)
    return y.permute(0, 2, 3, 1) if layer.keepdims else y.flatten(1)


TABLE: dict[type, Lowering] = {
    MaxPooling2D: Lowering(make_max_pooling, call_max_pooling, refuses=refuses_integers),
    AveragePooling2D: Lowering(make_average_pooling, call_average_pooling, refuses=refuses_integers),
    GlobalAveragePooling2D: Lowering(make_global_average, call_global_average, refuses=refuses_integers),
    GlobalMaxPooling2D: by_definition("torch.nn.AdaptiveMaxPool2d gives the gradient at a tie to one pixel only"),
}
