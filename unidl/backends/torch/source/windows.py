"""Convolution and pooling as expressions of torch."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code, Value
from unidl.codegen.language import Expression, Given
from unidl.graph.window import convolution, pooling, transposed_convolution


def _moved(value: Value, first: bool) -> str:
    rank = len(value.shape)
    if rank == 3:
        return f"{value:a}.transpose(1, 2)"
    order = (0, rank - 1, *range(1, rank - 1)) if first else (0, *range(2, rank), 1)
    return f"{value:a}.permute{order}"


def _back(text: str, rank: int) -> Code:
    return Code(f"{text}.transpose(1, 2)" if rank == 3 else f"{text}.permute{(0, *range(2, rank), 1)}")


def _known_pads(g: Given, window: Any) -> Any:
    if None in g.x.shape[1:-1] and window.padding == "same" and max(window.strides) > 1:
        raise g.refuse('padding="same" with strides over an axis of unknown length')
    return window.pads(
        [0 if n is None else n for n in g.x.shape[1:-1]]
        if window.padding != "same"
        else [n if n is not None else 64 for n in g.x.shape[1:-1]]
    )


def _padded(g: Given, pads: Any, value: float = 0.0) -> tuple[str, Any]:
    image = _moved(g.x, True)
    if all(low == high for low, high in pads):
        return image, tuple(low for low, _ in pads)
    flat = tuple(width for pair in reversed(pads) for width in pair)
    return str(call("F.pad", Code(image), flat, value=value or None)), 0


def _single(values: Any) -> Any:
    values = tuple(values)
    return values[0] if len(set(values)) == 1 else values


def _conv(g: Given) -> Code:
    window, _ = convolution(g.x.shape, g.kernel.shape, g.strides, g.padding, g.dilation, g.groups)
    image, even = _padded(g, _known_pads(g, window))
    rank = len(g.x.shape)
    kernel = f"{g.kernel:a}.permute{(rank - 1, rank - 2, *range(rank - 2))}"
    written = call(
        f"F.conv{rank - 2}d",
        Code(image),
        Code(kernel),
        stride=None if _single(window.strides) == 1 else _single(window.strides),
        padding=_single(even) or None if isinstance(even, tuple) else None,
        dilation=None if _single(window.dilation) == 1 else _single(window.dilation),
        groups=None if g.groups == 1 else g.groups,
    )
    return _back(written.text, rank)


def _conv_transpose(g: Given) -> Code:
    window, _ = transposed_convolution(g.x.shape, g.kernel.shape, g.strides, g.padding, g.dilation)
    rank = len(g.x.shape)
    kernel = f"{g.kernel:a}.permute{(rank - 1, rank - 2, *range(rank - 2))}"
    run = call(
        f"F.conv_transpose{rank - 2}d",
        Code(_moved(g.x, True)),
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
    text = run.text if not any(flat) else str(call("F.pad", run, tuple(flat)))
    return _back(text, rank)


def _max_pool(g: Given) -> Code:
    window, _ = pooling(g.x.shape, g.size, g.strides, g.padding)
    pads = _known_pads(g, window)
    fits = all(low == high and 2 * low <= k for (low, high), k in zip(pads, window.size, strict=True))
    if not fits and all(low == high for low, high in pads):
        pads = [(low, high) for low, high in pads]
    image, even = _padded(g, pads, float("-inf"))
    rank = len(g.x.shape)
    written = call(
        f"F.max_pool{rank - 2}d",
        Code(image),
        _single(window.size),
        stride=_single(window.strides),
        padding=_single(even) or None if isinstance(even, tuple) else None,
    )
    return _back(written.text, rank)


def _average_pool(g: Given) -> Code:
    window, _ = pooling(g.x.shape, g.size, g.strides, g.padding)
    pads = _known_pads(g, window)
    rank = len(g.x.shape)
    if not all(low == high and 2 * low <= k for (low, high), k in zip(pads, window.size, strict=True)):
        # padding does not count: the sums of what lies inside, by how much does
        flat = tuple(width for pair in reversed(pads) for width in pair)
        image = g.scope.assign("image", Code(_moved(g.x, True)), g.x.spec, True)
        sums, shares = (
            call(f"F.avg_pool{rank - 2}d", call("F.pad", x, flat), _single(window.size), stride=_single(window.strides))
            for x in (image, call("torch.ones_like", image))
        )
        share = g.scope.assign("inside", shares, g.out, True)
        return _back(f"({sums} / {share})", rank)
    even = tuple(low for low, _ in pads)
    written = call(
        f"F.avg_pool{rank - 2}d",
        Code(_moved(g.x, True)),
        _single(window.size),
        stride=_single(window.strides),
        padding=_single(even) or None,
        count_include_pad=False if any(even) else None,
    )
    return _back(written.text, rank)


WINDOWS: dict[str, Expression] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
}
