"""Conv2D and Conv2DTranspose: torch's own modules on channels-last views."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from unidl.backends.lowering import Lowering
from unidl.backends.torch.direct import in_place, plain, untouched
from unidl.backends.torch.layers.core import dtype_of
from unidl.backends.torch.weight import Slot
from unidl.description.plan import LayerPlan
from unidl.layers import Conv2D, Conv2DTranspose


def pads_evenly(layer: Conv2D) -> bool:
    """Whether the padding is "same" as torch has it: without strides, and without an odd zero, for which torch would copy."""
    if layer.padding != "same" or layer.strides != (1, 1):
        return False
    rows, columns = _extents(layer)
    return rows % 2 == 0 and columns % 2 == 0


def _extents(layer: Conv2D) -> tuple[int, int]:
    """From the first to the last pixel under the kernel, both ways."""
    (height, width), (down, right) = layer.kernel_size, layer.dilation_rate
    return (height - 1) * down, (width - 1) * right


def make_convolution(plan: LayerPlan) -> nn.Conv2d:
    """kernel (h, w, channels / groups, filters) -> weight (filters, channels / groups, h, w), stored channels-last."""
    layer: Conv2D = plan.layer  # type: ignore[assignment]
    height, width, channels, filters = plan.weights["kernel"].shape
    module = nn.Conv2d(
        channels * layer.groups,
        filters,
        (height, width),
        stride=layer.strides,
        padding=tuple(extent // 2 for extent in _extents(layer)) if pads_evenly(layer) else 0,  # type: ignore[arg-type]
        dilation=layer.dilation_rate,
        groups=layer.groups,
        bias="bias" in plan.weights,
        dtype=dtype_of(plan),
    )
    return module.to(memory_format=torch.channels_last)


def same_padding(length: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros before and after, so that the output has ceil(length / stride) places; an odd one goes after."""
    total = max((-(-length // stride) - 1) * stride + (window - 1) * dilation + 1 - length, 0)
    return total // 2, total - total // 2


def call_convolution(layer: Conv2D, module: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, channels) -> (batch, height', width', filters), through views."""
    y = x.permute(0, 3, 1, 2)  # (batch, channels, height, width), a view
    if layer.padding == "same" and not pads_evenly(layer):
        rows, columns = (
            same_padding(y.shape[2 + i], layer.kernel_size[i], layer.strides[i], layer.dilation_rate[i]) for i in (0, 1)
        )
        y = functional.pad(y, (*columns, *rows))
    if not untouched(module, nn.Conv2d):
        return layer.activation(module(y).permute(0, 2, 3, 1))
    if plain(x) and module.padding_mode == "zeros":
        own = module._parameters
        y = functional.conv2d(
            y,
            own["weight"],
            own["bias"],
            module.stride,
            module.padding,
            module.dilation,
            module.groups,  # type: ignore[arg-type]
        )
    else:
        y = module(y)
    return _activated(layer, y)


def _activated(layer: Conv2D | Conv2DTranspose, y: torch.Tensor) -> torch.Tensor:
    """(batch, filters, height, width) -> its activation, (batch, height, width, filters), in the memory of y if it can be."""
    function = in_place(layer)
    return layer.activation(y.permute(0, 2, 3, 1)) if function is None else function(y).permute(0, 2, 3, 1)


def convolution_slots(plan: LayerPlan, module: nn.Conv2d) -> dict[str, Slot]:
    """OIHW is read as HWIO."""
    slots = {"kernel": Slot(module, "weight", lambda w: w.permute(2, 3, 1, 0))}
    if "bias" in plan.weights:
        slots["bias"] = Slot(module, "bias")
    return slots


# -- Conv2DTranspose ---------------------------------------------------------------------------------------------------------


def make_transposed(plan: LayerPlan) -> nn.ConvTranspose2d:
    """kernel (h, w, filters, channels) -> weight (channels, filters, h, w), stored channels-last."""
    layer: Conv2DTranspose = plan.layer  # type: ignore[assignment]
    height, width, filters, channels = plan.weights["kernel"].shape
    beyond = [size - step for size, step in zip(layer.kernel_size, layer.strides, strict=True)]
    module = nn.ConvTranspose2d(
        channels,
        filters,
        (height, width),
        stride=layer.strides,
        padding=tuple(max(b, 0) // 2 if layer.padding == "same" else 0 for b in beyond),  # type: ignore[arg-type]
        output_padding=tuple(max(-b, 0) for b in beyond),  # type: ignore[arg-type]
        bias="bias" in plan.weights,
        dtype=dtype_of(plan),
    )
    return module.to(memory_format=torch.channels_last)


def call_transposed(layer: Conv2DTranspose, module: nn.ConvTranspose2d, x: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, channels) -> (batch, height', width', filters), through views."""
    y = x.permute(0, 3, 1, 2)  # (batch, channels, height, width), a view
    alone = untouched(module, nn.ConvTranspose2d)
    if alone and plain(x) and module.padding_mode == "zeros":
        own = module._parameters
        y = functional.conv_transpose2d(
            y, own["weight"], own["bias"],  # type: ignore[arg-type]
            module.stride, module.padding, module.output_padding, module.groups, module.dilation,  # type: ignore[arg-type]
        )  # fmt: skip
    else:
        y = module(y)  # (batch, filters, height', width')
    if layer.padding == "same":  # torch cuts evenly; an odd pixel is cut here
        y = y[:, :, : x.shape[1] * layer.strides[0], : x.shape[2] * layer.strides[1]]
        return layer.activation(y.permute(0, 2, 3, 1))  # in place it would go through the whole of which y is a part
    return _activated(layer, y) if alone else layer.activation(y.permute(0, 2, 3, 1))


TABLE: dict[type, Lowering] = {
    Conv2D: Lowering(make_convolution, call_convolution, convolution_slots),
    # (channels, filters, h, w) is read as (h, w, filters, channels): the same permutation
    Conv2DTranspose: Lowering(make_transposed, call_transposed, convolution_slots),
}
