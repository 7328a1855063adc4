"""Conv2D and Conv2DTranspose: torch's own modules on channels-last views."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from unidl.backends.lowering import Lowering
from unidl.backends.torch.direct import Activation, instead_of
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
    return layer.activation(module(_padded(layer, x)).permute(0, 2, 3, 1))


@instead_of(call_convolution, nn.Conv2d, parameters=2)
def convolution(layer: Conv2D, module: nn.Conv2d, within: Activation | None, x: torch.Tensor) -> torch.Tensor:
    if module.padding_mode != "zeros":
        y = module(_padded(layer, x))
    else:
        own, padding = module._parameters, module.padding
        y = functional.conv2d(
            # where torch pads, what _padded gives, without asking again whether it does
            x.permute(0, 3, 1, 2) if layer.padding == "valid" or any(padding) else _padded(layer, x),
            own["weight"], own["bias"], module.stride, padding, module.dilation, module.groups,  # type: ignore[arg-type]
        )  # fmt: skip
    return (y if within is None else within(y)).permute(0, 2, 3, 1)


def _padded(layer: Conv2D, x: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, channels) -> (batch, channels, height, width): a view, or padded where torch does not pad so."""
    y = x.permute(0, 3, 1, 2)
    if layer.padding == "valid" or pads_evenly(layer):
        return y
    rows, columns = (
        same_padding(y.shape[2 + i], layer.kernel_size[i], layer.strides[i], layer.dilation_rate[i]) for i in (0, 1)
    )
    return functional.pad(y, (*columns, *rows))


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
    y = _cut(layer, x, module(x.permute(0, 3, 1, 2)))  # (batch, filters, height', width')
    return layer.activation(y.permute(0, 2, 3, 1))


@instead_of(call_transposed, nn.ConvTranspose2d, parameters=2)
def transposed(
    layer: Conv2DTranspose, module: nn.ConvTranspose2d, within: Activation | None, x: torch.Tensor
) -> torch.Tensor:
    own = module._parameters
    y = functional.conv_transpose2d(
        x.permute(0, 3, 1, 2), own["weight"], own["bias"],  # type: ignore[arg-type]
        module.stride, module.padding, module.output_padding, module.groups, module.dilation,  # type: ignore[arg-type]
    )  # fmt: skip
    return _cut(layer, x, y if within is None else within(y)).permute(0, 2, 3, 1)


def _cut(layer: Conv2DTranspose, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """With padding "same" torch cuts evenly; an odd pixel is cut here."""
    if layer.padding == "same":
        return y[:, :, : x.shape[1] * layer.strides[0], : x.shape[2] * layer.strides[1]]
    return y


TABLE: dict[type, Lowering] = {
    Conv2D: Lowering(make_convolution, call_convolution, convolution_slots),
    # (channels, filters, h, w) is read as (h, w, filters, channels): the same permutation
    Conv2DTranspose: Lowering(make_transposed, call_transposed, convolution_slots),
}
