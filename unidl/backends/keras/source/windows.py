"""Convolution and pooling as expressions of keras.ops."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.language import Expression, Given
from unidl.codegen.windows import dilated
from unidl.graph.window import convolution, pooling, transposed_convolution


def _single(values: Any) -> Any:
    values = tuple(values)
    return values[0] if len(set(values)) == 1 else values


def _image(g: Given, window: Any, value: float = 0.0) -> tuple[Any, str | None]:
    """The image, padded where Keras has no name for that padding, and the name of the rest."""
    if isinstance(window.padding, str):
        return g.x, window.padding if window.padding != "valid" else None
    if not any(map(any, window.padding)):
        return g.x, None
    return call("ops.pad", g.x, ((0, 0), *window.padding, (0, 0)), constant_values=value or None), None


def _conv(g: Given) -> Code:
    window, _ = convolution(g.x.shape, g.kernel.shape, g.strides, g.padding, g.dilation, g.groups)
    if max(window.strides) > 1 and max(window.dilation) > 1:
        raise g.refuse("strides together with dilation, which Keras has not")
    image, padding = _image(g, window)
    strides, dilation = _single(window.strides), _single(window.dilation)
    return call(
        "ops.conv",
        image,
        g.kernel,
        strides=None if strides == 1 else strides,
        padding=padding,
        dilation_rate=None if dilation == 1 else dilation,
    )


def _conv_transpose(g: Given) -> Code:
    window, _ = transposed_convolution(g.x.shape, g.kernel.shape, g.strides, g.padding, g.dilation)
    return call(
        "ops.conv_transpose",
        g.x,
        dilated("ops", g.kernel, window.dilation),  # on a CPU TensorFlow has no dilated one
        strides=_single(window.strides),
        padding=g.padding if g.padding != "valid" else None,
    )


def _pool(name: str) -> Expression:
    def written(g: Given) -> Code:
        window, _ = pooling(g.x.shape, g.size, g.strides, g.padding)
        if name == "average_pool" and not isinstance(window.padding, str):
            raise g.refuse("average pooling with padding of one's own")
        image, padding = _image(g, window, float("-inf"))
        return call(f"ops.{name}", image, _single(window.size), strides=_single(window.strides), padding=padding)

    return written


WINDOWS: dict[str, Expression] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _pool("max_pool"),
    "average_pool": _pool("average_pool"),
}
