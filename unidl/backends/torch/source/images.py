"""Convolutions, pooling and upsampling, with channels first; padded or cut by hand where torch does it otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.codegen.calls import binary, call
from unidl.codegen.code import Code, Value
from unidl.codegen.language import EITHER, FIRST, Arrays, Calling, Making, Row
from unidl.description.plan import LayerPlan
from unidl.graph.spec import TensorSpec
from unidl.layers import (
    AveragePooling2D,
    Conv2D,
    Conv2DTranspose,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    UpSampling2D,
)

SAME = '''
def same_padding(x, kernel_size, stride, dilation=(1, 1)):
    """Zeros on both sides of height and width, so that ceil(n / stride) places come out.

    An odd one goes to the end, as in TensorFlow and Keras.
    """
    widths = []
    for n, k, s, d in zip(x.shape[2:], kernel_size, stride, dilation):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        widths = [total // 2, total - total // 2, *widths]
    return widths
'''

Pads = tuple[tuple[int, int], ...]


def _pads(plan: LayerPlan, size: Any, strides: Any, dilation: Any = (1, 1)) -> Pads | None:
    """What "same" puts around height and width; None where it depends on lengths that are not known."""
    found = []
    for n, k, s, d in zip(plan.input_shapes[0][1:3], size, strides, dilation, strict=True):
        if s == 1:
            total = (k - 1) * d
        elif n is None:
            return None
        else:
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _even(pads: Pads | None) -> tuple[int, int] | None:
    """The same padding on both sides."""
    if pads is None or any(low != high for low, high in pads):
        return None
    return (pads[0][0], pads[1][0])


def _one(pair: Any) -> Any:
    """One number where both are equal."""
    return pair[0] if pair[0] == pair[1] else tuple(pair)


def _padded(c: Calling, pads: Pads | None, size: Any, strides: Any, dilation: Any = None, value: float = 0.0) -> Value:
    """The image with more around it, for a padding that torch does not have."""
    x = c.x
    if pads is None:
        c.scope.author.helper("same_padding", SAME)
        widths: Any = call("same_padding", x, tuple(size), tuple(strides), *([tuple(dilation)] if dilation else []))
        height = width = None
    else:
        widths = (*pads[1], *pads[0])
        height, width = (None if n is None else n + sum(p) for n, p in zip(x.shape[1:3], pads, strict=True))
    code = call("F.pad", x, widths, value=None if value == 0 else value)
    spec = TensorSpec((x.shape[0], height, width, x.shape[3]), x.dtype)
    reuse = [x.code.text] if x.code.text in x.code.names else []
    return c.scope.assign("padded", code, spec, True, reuse)


# -- convolution -------------------------------------------------------------------------------------------------------------


def _conv_padding(plan: LayerPlan) -> tuple[Any, bool]:
    """What torch's own argument says, and whether the image is padded before."""
    layer: Any = plan.layer
    if layer.padding == "valid":
        return None, False
    if max(layer.strides) == 1:
        return "same", False
    even = _even(_pads(plan, layer.kernel_size, layer.strides, layer.dilation_rate))
    return (None, True) if even is None else (_one(even) or None, False)


def _conv(m: Making) -> str:
    layer = m.layer
    height, width, channels, filters = m.plan.weights["kernel"].shape
    return call(
        "nn.Conv2d",
        channels * layer.groups,
        filters,
        _one((height, width)),
        stride=_one(layer.strides) if max(layer.strides) > 1 else None,
        padding=_conv_padding(m.plan)[0],
        dilation=_one(layer.dilation_rate) if max(layer.dilation_rate) > 1 else None,
        groups=layer.groups if layer.groups > 1 else None,
        bias=None if layer.use_bias else False,
    ).text


def _conv_call(c: Calling) -> Value:
    layer, x = c.layer, c.x
    if _conv_padding(c.plan)[1]:
        dilation = layer.dilation_rate if max(layer.dilation_rate) > 1 else None
        pads = _pads(c.plan, layer.kernel_size, layer.strides, layer.dilation_rate)
        x = _padded(c, pads, layer.kernel_size, layer.strides, dilation)
    return c.activated(c.of(x))


def _conv_arrays(plan: LayerPlan, w: Arrays) -> Arrays:
    return {"weight": w["kernel"].transpose(3, 2, 0, 1)} | ({"bias": w["bias"]} if "bias" in w else {})


def _conv_reads(plan: LayerPlan, name: str, me: str) -> str:
    """(filters, channels, height, width), or (channels, filters, ...) of a transposed one -> as in the description."""
    return f"{me}.weight.permute(2, 3, 1, 0)" if name == "kernel" else f"{me}.bias"


# -- transposed convolution -------------------------------------------------------------------------------------------------


def _beyond(layer: Any) -> list[int]:
    """How far a window reaches over its stride along height and width; below 0 where it leaves a gap."""
    return [k - s for k, s in zip(layer.kernel_size, layer.strides, strict=True)]


def _transposed(m: Making) -> str:
    """torch gives (n - 1) * stride + kernel_size pixels, less 2 * padding, plus output_padding."""
    layer = m.layer
    cut = [max(b, 0) // 2 if layer.padding == "same" else 0 for b in _beyond(layer)]
    gap = [max(-b, 0) for b in _beyond(layer)]
    return call(
        "nn.ConvTranspose2d",
        m.length("kernel", 3),
        layer.filters,
        _one(layer.kernel_size),
        stride=_one(layer.strides) if max(layer.strides) > 1 else None,
        padding=_one(cut) or None,
        output_padding=_one(gap) or None,
        bias=None if layer.use_bias else False,
    ).text


def _transposed_call(c: Calling) -> Value:
    y = c.of(c.x)
    odd = [c.layer.padding == "same" and b > 0 and b % 2 == 1 for b in _beyond(c.layer)]
    if any(odd):
        c.scope.say("", "`padding` cuts both sides alike; the odd pixel goes at the end")
        height, width = (":-1" if cut else ":" for cut in odd)
        y = Code(f"{y:a}[:, :, {height}" + (f", {width}]" if odd[1] else "]"), names=y.names)
    return c.activated(y)


# -- pooling -----------------------------------------------------------------------------------------------------------------


def _max_pool(c: Calling) -> Code:
    layer, x, padding = c.layer, c.x, None
    if layer.padding == "same":
        pads = _pads(c.plan, layer.pool_size, layer.strides)
        even = _even(pads)
        if even is not None and all(2 * p <= k for p, k in zip(even, layer.pool_size, strict=True)):
            padding = _one(even) or None
        else:
            x = _padded(c, pads, layer.pool_size, layer.strides, None, float("-inf"))
    return call("F.max_pool2d", x, _one(layer.pool_size), **_stride(layer), padding=padding)


def _stride(layer: Any) -> dict[str, Any]:
    return {"stride": None if layer.strides == layer.pool_size else _one(layer.strides)}


def _average_pool(c: Calling) -> Code:
    layer, x = c.layer, c.x
    size, stride = _one(layer.pool_size), _stride(layer)
    if layer.padding == "valid":
        return call("F.avg_pool2d", x, size, **stride)
    pads = _pads(c.plan, layer.pool_size, layer.strides)
    even = _even(pads)
    if even is not None and all(2 * p <= k for p, k in zip(even, layer.pool_size, strict=True)):
        padding = _one(even) or None
        counts = None if padding is None else False
        return call("F.avg_pool2d", x, size, **stride, padding=padding, count_include_pad=counts)
    inside = c.scope.assign("inside", call("torch.ones_like", x), x.spec, True)
    padded = _padded(c, pads, layer.pool_size, layer.strides)
    widths = call("same_padding", inside, layer.pool_size, layer.strides) if pads is None else (*pads[1], *pads[0])
    shares = c.scope.assign("inside", call("F.pad", inside, widths), padded.spec, True, [inside.code.text])
    pooled = call("F.avg_pool2d", shares, size, **stride)
    share = c.scope.assign("inside", pooled, c.outputs, True, [shares.code.text])
    return binary(call("F.avg_pool2d", padded, size, **stride), "/", share)


def _global(function: str):  # type: ignore[no-untyped-def]
    def pooled(c: Calling) -> Any:
        first = c.x.first
        axes = (2, 3) if first else (1, 2)
        keep = True if c.layer.keepdims else None
        code = call(f"{c.x:a}.{function}", dim=axes, keepdim=keep)
        return Value(Code(code.text, names=c.x.code.names), c.outputs, first and c.layer.keepdims)

    return pooled


# -- upsampling --------------------------------------------------------------------------------------------------------------


def _upsampling(m: Making) -> str:
    layer = m.layer
    mode = None if layer.interpolation == "nearest" else layer.interpolation
    if mode is None and any(np.float32(times) * np.float32(1 / times) < 1 for times in layer.size):
        mode = "nearest-exact"
        m.note = 'the reciprocal rounds down, and torch\'s "nearest" would take the pixel before'
    return call("nn.Upsample", scale_factor=_one(layer.size), mode=mode).text


IMAGES: dict[type, Row] = {
    Conv2D: Row(_conv_call, _conv, _conv_arrays, FIRST, reads=_conv_reads),
    # (height, width, filters, channels) becomes (channels, filters, height, width): the same permutation
    Conv2DTranspose: Row(_transposed_call, _transposed, _conv_arrays, FIRST, reads=_conv_reads),
    MaxPooling2D: Row(_max_pool, layout=FIRST),
    AveragePooling2D: Row(_average_pool, layout=FIRST),
    GlobalAveragePooling2D: Row(_global("mean"), layout=EITHER),
    GlobalMaxPooling2D: Row(_global("amax"), layout=EITHER),
    UpSampling2D: Row(lambda c: c.of(c.x), _upsampling, layout=FIRST),
}
