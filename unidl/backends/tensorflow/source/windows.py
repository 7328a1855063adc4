"""Convolution and pooling as expressions of TensorFlow."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.language import Expression, Given
from unidl.codegen.windows import dilated
from unidl.graph.window import convolution, pooling, transposed_convolution

FORMAT = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def _single(values: Any) -> Any:
    values = tuple(values)
    return values[0] if len(set(values)) == 1 else list(values)


def _image(g: Given, window: Any, value: float = 0.0) -> tuple[Any, str]:
    """The image, padded where TensorFlow has no name for that padding, and the name of the rest."""
    if isinstance(window.padding, str):
        return g.x, window.padding.upper()
    if not any(map(any, window.padding)):
        return g.x, "VALID"
    pads = [[0, 0], *map(list, window.padding), [0, 0]]
    return call("tf.pad", g.x, pads, constant_values=value or None), "VALID"


def _conv(g: Given) -> Code:
    window, _ = convolution(g.x.shape, g.kernel.shape, g.strides, g.padding, g.dilation, g.groups)
    rank = len(window.size)
    if max(window.strides) > 1 and max(window.dilation) > 1:
        raise g.refuse("strides together with dilation, which TensorFlow has not")
    image, padding = _image(g, window)
    strides, dilation = _single(window.strides), _single(window.dilation)
    kernel: Any = g.kernel
    if g.groups > 1:  # one after the other: on a CPU TensorFlow has no gradient of a grouped convolution
        parts = [call("tf.split", t, g.groups, axis=-1) for t in (image, kernel)]
        image, kernel = Code("image"), Code("taps")
    one = call(
        "tf.nn.convolution",
        image,
        kernel,
        strides=None if strides == 1 else strides,
        padding=padding,
        data_format=None if rank == 2 else FORMAT[rank],
        dilations=None if dilation == 1 else dilation,
    )
    if g.groups == 1:
        return one
    each = g.scope.name("parts")
    g.scope.say(f"{each} = [{one} for image, taps in zip({parts[0]}, {parts[1]})]", names=[each])
    return call("tf.concat", Code(each), axis=-1)


def _conv_transpose(g: Given) -> Code:
    window, result = transposed_convolution(g.x.shape, g.kernel.shape, g.strides, g.padding, g.dilation)
    if None in result[1:]:
        raise g.refuse("a transposed convolution over an axis of unknown length")
    return call(
        "tf.nn.conv_transpose",
        g.x,
        dilated("tf", g.kernel, window.dilation),  # on a CPU TensorFlow has no dilated one
        [Code(f"tf.shape({g.x})[0]"), *result[1:]],
        _single(window.strides),
        g.padding.upper(),
    )


def _pool(name: str) -> Expression:
    def written(g: Given) -> Code:
        window, _ = pooling(g.x.shape, g.size, g.strides, g.padding)
        if name == "avg_pool" and not isinstance(window.padding, str):
            raise g.refuse("average pooling with padding of one's own")
        image, padding = _image(g, window, float("-inf"))
        return call(f"tf.nn.{name}", image, _single(window.size), _single(window.strides), padding)

    return written


WINDOWS: dict[str, Expression] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _pool("max_pool"),
    "average_pool": _pool("avg_pool"),
}
