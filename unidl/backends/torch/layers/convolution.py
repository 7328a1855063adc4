"""Conv2D and Conv2DTranspose: torch's own modules on channels-last views."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812  # as in the source code that has the helper

from unidl import ops
from unidl.description.plan import LayerPlan
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor
from unidl.graph.window import Window
from unidl.layers import Conv2D, Conv2DTranspose
from unidl.native.helper import Helper
from unidl.native.row import FIRST, Native, Output, one
from unidl.native.tie import Tie

KERNEL = {"kernel": Tie("weight", "o i h w -> h w i o"), "bias": Tie("bias")}

# -- padding "same" ----------------------------------------------------------------------------------------------------------


def pad_same(x, kernel_size, stride, dilation=(1, 1), value=0.0):  # type: ignore[no-untyped-def]
    """Pad height and width, so that ceil(n / stride) positions result.

    An odd one goes to the end, as in TensorFlow and Keras.
    """
    widths = []  # type: ignore[var-annotated]
    for n, k, s, d in zip(x.shape[2:], kernel_size, stride, dilation):  # noqa: B905
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        widths = [total // 2, total - total // 2, *widths]
    return F.pad(x, widths, value=value)


def _padded_spec(x: Any, *_: Any, **__: Any) -> TensorSpec:
    return TensorSpec((x.shape[0], None, None, x.shape[3]), x.dtype)


def _pad_last(x: torch.Tensor, *args: Any, **named: Any) -> torch.Tensor:
    padded: torch.Tensor = pad_same(x.permute(0, 3, 1, 2), *args, **named)  # type: ignore[no-untyped-call]
    return padded.permute(0, 2, 3, 1)


PAD_SAME = Helper(pad_same, _padded_spec, FIRST, _pad_last)


def padded(x: Any, size: Any, strides: Any, dilation: Any = (1, 1), value: float = 0.0) -> Any:
    """(batch, height, width, channels), padded as "same" means; an axis without strides is padded whatever its length."""
    if isinstance(x, SymbolicTensor):  # source code: with numbers, where they are known
        lengths, window = x.shape[1:-1], Window(size, strides, dilation, "same")
        if None not in lengths or max(strides) == 1:
            pads = window.pads([n or 0 for n in lengths])
            return ops.pad(x, [(0, 0), *pads, (0, 0)], value=value) if any(map(any, pads)) else x
    return PAD_SAME(x, size, strides, dilation, value)


# -- Conv2D ------------------------------------------------------------------------------------------------------------------


def _one(values: list[int]) -> int | tuple[int, ...]:
    return values[0] if len(set(values)) == 1 else tuple(values)


def own_padding(layer: Any) -> int | tuple[int, ...]:
    """What torch itself pads: the same on both sides, whatever the lengths; else 0."""
    if layer.padding == "valid" or max(layer.strides) > 1:
        return 0
    window = Window(layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding)
    pads = window.pads([0] * len(layer.strides))
    return _one([low for low, _ in pads]) if all(low == high for low, high in pads) else 0


def _convolved(layer: Any, native: Any, x: Any) -> Any:
    """Padded here: torch pads both sides alike."""
    if layer.padding == "valid":
        return native(x)
    return native(padded(x, layer.kernel_size, layer.strides, layer.dilation_rate))


CONV2D = Native(
    "nn.Conv2d",
    {
        "in_channels": lambda plan: plan.weights["kernel"].shape[-2] * plan.attributes["groups"],
        "out_channels": "filters",
        "kernel_size": one("kernel_size"),
        "stride": one("strides"),
        "padding": lambda plan: own_padding(plan.layer),
        "dilation": one("dilation_rate"),
        "groups": "groups",
        "bias": "use_bias",
    },
    KERNEL,
    positional=3,
    layout=FIRST,
    activation="activation",
    function="F.conv2d({x}, {weight}, {bias}, {stride}, {padding}, {dilation}, {groups})",
    call=_convolved,
    direct=lambda plan: plan.attributes["padding"] == "valid" or own_padding(plan.layer) != 0,
    implied={"padding_mode": "zeros"},
)

# -- Conv2DTranspose ---------------------------------------------------------------------------------------------------------


def _beyond(layer: Any) -> list[int]:
    """How far a window reaches over its stride along height and width; below 0 where it leaves a gap."""
    return [size - step for size, step in zip(layer.kernel_size, layer.strides, strict=True)]


def _odd(layer: Any) -> list[bool]:
    """Where torch, which cuts both sides alike, leaves a pixel at the end."""
    return [layer.padding == "same" and beyond > 0 and beyond % 2 == 1 for beyond in _beyond(layer)]


def _uncut(plan: LayerPlan, x: Any) -> Output:
    batch, height, width, filters = plan.output_shapes[0]
    rows, columns = (None if n is None else n + odd for n, odd in zip((height, width), _odd(plan.layer), strict=True))
    return Output("y", TensorSpec((batch, rows, columns, filters), plan.dtype))


def _cut(layer: Any, native: Any, x: Any) -> Any:
    height, width = (slice(None, -1) if odd else slice(None) for odd in _odd(layer))
    return native(x)[:, height, width]


CONV2D_TRANSPOSE = Native(
    "nn.ConvTranspose2d",
    {
        "in_channels": lambda plan: plan.weights["kernel"].shape[-1],
        "out_channels": "filters",
        "kernel_size": one("kernel_size"),
        "stride": one("strides"),
        "padding": lambda plan: _one(
            [max(b, 0) // 2 if plan.attributes["padding"] == "same" else 0 for b in _beyond(plan.layer)]
        ),
        "output_padding": lambda plan: _one([max(-b, 0) for b in _beyond(plan.layer)]),
        "bias": "use_bias",
    },
    KERNEL,  # (channels, filters, h, w) is read as (h, w, filters, channels): the same permutation
    positional=3,
    layout=FIRST,
    activation="activation",
    function="F.conv_transpose2d({x}, {weight}, {bias}, {stride}, {padding}, {output_padding}, {groups}, {dilation})",
    call=_cut,
    direct=lambda plan: not any(_odd(plan.layer)),
    outputs=_uncut,
    implied={"padding_mode": "zeros"},
)

ROWS: dict[type, Native] = {Conv2D: CONV2D, Conv2DTranspose: CONV2D_TRANSPOSE}
