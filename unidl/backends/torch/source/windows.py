"""Convolution and pooling as expressions of torch."""

from __future__ import annotations

from typing import Any

from unidl.backends.torch.layers.convolution import PAD_SAME
from unidl.codegen.calls import binary, call
from unidl.codegen.code import Code, Value
from unidl.codegen.language import Expression, Given
from unidl.graph.spec import TensorSpec
from unidl.graph.window import Window, convolution, pooling, transposed_convolution


def _own_padding(x: Value, window: Window, half: bool = False) -> Any:
    """What torch itself pads, on both sides alike; None where it is to be padded before.

    Args:
        x: The image.
        window: The window.
        half: Whether torch pads half a window at most.
    """
    lengths = x.shape[1:-1]
    if _depends(window, lengths):
        return None
    pads = window.pads([n or 0 for n in lengths])
    if any(low != high or (half and 2 * low > k) for (low, high), k in zip(pads, window.size, strict=True)):
        return None
    return _single([low for low, _ in pads])


def _depends(window: Window, lengths: Any) -> bool:
    return None in lengths and window.padding == "same" and max(window.strides) > 1


def _pad(g: Given, x: Value, window: Window, value: float = 0.0, hint: str = "padded") -> Value:
    """The image in a variable, padded as the window says."""
    lengths = x.shape[1:-1]
    longer: tuple[int | None, ...] = (None,) * len(lengths)
    if _depends(window, lengths):
        if len(lengths) != 2:
            raise g.refuse('padding="same" with strides over an axis of unknown length')
        code = padding_helper(g.scope, x, window, value)
    else:
        pads = window.pads([n or 0 for n in lengths])
        flat = tuple(width for pair in reversed(pads) for width in pair)
        longer = tuple(None if n is None else n + sum(p) for n, p in zip(lengths, pads, strict=True))
        code = call("F.pad", x, flat, value=value or None)
    reuse = [x.code.text] if x.code.text in x.code.names else []
    return g.scope.assign(hint, code, TensorSpec((x.shape[0], *longer, x.shape[-1]), x.dtype), True, reuse)


def _padded(g: Given, window: Window, value: float = 0.0, half: bool = False) -> tuple[Value, Any]:
    """The image, padded where torch does not pad so itself; and what torch pads."""
    padding = _own_padding(g.x, window, half)
    return (_pad(g, g.x, window, value), None) if padding is None else (g.x, padding or None)


def padding_helper(scope: Any, x: Value, window: Window, value: float) -> Code:
    """A call of the helper that pads images of any size."""
    name = scope.author.helper(PAD_SAME.name, PAD_SAME.text)
    dilation = None if max(window.dilation) == 1 else window.dilation
    return call(name, x, window.size, window.strides, dilation=dilation, value=value or None)


def _single(values: Any) -> Any:
    values = tuple(values)
    return values[0] if len(set(values)) == 1 else values


def _stride(window: Window) -> dict[str, Any]:
    return {"stride": None if window.strides == window.size else _single(window.strides)}


def _conv(g: Given) -> Code:
    window, _ = convolution(g.x.shape, g.kernel.shape, g.strides, g.padding, g.dilation, g.groups)
    image, padding = _padded(g, window)
    rank = len(g.x.shape)
    kernel = f"{g.kernel:a}.permute{(rank - 1, rank - 2, *range(rank - 2))}"
    return call(
        f"F.conv{rank - 2}d",
        image,
        Code(kernel),
        stride=None if _single(window.strides) == 1 else _single(window.strides),
        padding=padding,
        dilation=None if _single(window.dilation) == 1 else _single(window.dilation),
        groups=None if g.groups == 1 else g.groups,
    )


def _conv_transpose(g: Given) -> Code:
    window, _ = transposed_convolution(g.x.shape, g.kernel.shape, g.strides, g.padding, g.dilation)
    rank = len(g.x.shape)
    kernel = f"{g.kernel:a}.permute{(rank - 1, rank - 2, *range(rank - 2))}"
    run = call(
        f"F.conv_transpose{rank - 2}d",
        g.x,
        Code(kernel),
        stride=_single(window.strides),
        dilation=None if _single(window.dilation) == 1 else _single(window.dilation),
    )
    # torch gives (n - 1) * stride + extent places
    flat: list[int] = []
    for e, s in zip(window.extent, window.strides, strict=True):
        cut = max(e - s, 0) // 2 if g.padding == "same" else 0
        end = s - e if g.padding == "same" else max(s - e, 0)
        flat = [-cut, end + cut, *flat]
    return call("F.pad", run, tuple(flat)) if any(flat) else run


def _max_pool(g: Given) -> Code:
    window, _ = pooling(g.x.shape, g.size, g.strides, g.padding)
    image, padding = _padded(g, window, float("-inf"), half=True)
    rank = len(g.x.shape)
    return call(f"F.max_pool{rank - 2}d", image, _single(window.size), **_stride(window), padding=padding)


def _average_pool(g: Given) -> Code:
    window, _ = pooling(g.x.shape, g.size, g.strides, g.padding)
    function, size, stride = f"F.avg_pool{len(g.x.shape) - 2}d", _single(window.size), _stride(window)
    padding = _own_padding(g.x, window, half=True)
    if padding is not None:
        counts = False if padding else None
        return call(function, g.x, size, **stride, padding=padding or None, count_include_pad=counts)
    # padding does not count: the means over all by the fraction that lies inside
    inside = g.scope.assign("inside", call("torch.ones_like", g.x), g.x.spec, True)
    image = _pad(g, g.x, window)
    inside = _pad(g, inside, window, hint="inside")
    fraction = g.scope.assign("inside", call(function, inside, size, **stride), g.out, True, [inside.code.text])
    return binary(call(function, image, size, **stride), "/", fraction)


WINDOWS: dict[str, Expression] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
}
