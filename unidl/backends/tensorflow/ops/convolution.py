"""Lowerings of unidl.ops.convolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.ops.convolution_gradient import suited_transposed, with_suited_gradient
from unidl.backends.tensorflow.ops.manipulation import lengths, shape
from unidl.graph.window import Padding, Window, convolution, transposed_convolution
from unidl.ops.convolution import dilated

Tensor: TypeAlias = tf.Tensor
# named, for eager gradients of 3-D convolution and pooling fail where it is left out
FORMAT = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def conv(
    x: Tensor,
    kernel: Tensor,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    window, _ = convolution(tuple(x.shape), tuple(kernel.shape), strides, padding, dilation, groups)
    if max(window.strides) > 1 and max(window.dilation) > 1:
        dense = conv(pad_spatial(x, window), kernel, 1, "valid", dilation, groups)  # TensorFlow has not both at once
        return dense[(slice(None), *(slice(None, None, s) for s in window.strides))]
    if groups == 1:
        x, name = padded(x, window)
        y = tf.nn.convolution(x, kernel, window.strides, name, FORMAT[len(window.size)], window.dilation)
        return with_suited_gradient(y, x, kernel, replace(window, padding=name.lower()))
    if groups == x.shape[-1] and len(window.size) == 2 and len(set(window.strides)) == 1:
        return _depthwise(x, kernel, window)
    # on a CPU a grouped convolution has no gradient: one group after the other
    parts = zip(tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    return tf.concat([conv(a, b, strides, padding, dilation) for a, b in parts], axis=-1)


def _depthwise(x: Tensor, kernel: Tensor, window: Window) -> Tensor:
    x, name = padded(x, window)
    channels = x.shape[-1]
    taps = tf.reshape(
        kernel, (*window.size, channels, kernel.shape[-1] // channels)
    )  # (height, width, channels, multiplier)
    return tf.nn.depthwise_conv2d(x, taps, (1, *window.strides, 1), name, "NHWC", window.dilation)


def padded(x: Tensor, window: Window, value: float = 0.0) -> tuple[Tensor, str]:
    """The image, padded where TensorFlow has no name for that padding, and the name of the rest."""
    if isinstance(window.padding, str):
        return x, window.padding.upper()
    return tf.pad(x, [(0, 0), *window.padding, (0, 0)], constant_values=tf.cast(value, x.dtype)), "VALID"


def pad_spatial(x: Tensor, window: Window) -> Tensor:
    """The image with every zero that the window's padding means, of lengths known only when it runs too."""
    pads = tf.reshape(lengths([width for pair in window.pads(shape(x)[1:-1]) for width in pair]), (-1, 2))
    around = tf.constant([[0, 0]], pads.dtype)
    return tf.pad(x, tf.concat([around, pads, around], axis=0))


def conv_transpose(
    x: Tensor,
    kernel: Tensor,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    window, known = transposed_convolution(tuple(x.shape), tuple(kernel.shape), strides, padding, dilation)
    if max(window.dilation) > 1:  # on a CPU TensorFlow has none
        return conv_transpose(x, dilated(kernel, window.dilation), strides, padding)
    y = suited_transposed(x, kernel, known[1:-1], window)
    if y is not None:
        return y
    _, result = transposed_convolution(shape(x), tuple(kernel.shape), strides, padding, 1)
    rank = len(window.size)
    sizes = tf.cast(lengths(result), tf.int32)  # TensorFlow takes no other
    return tf.nn.conv_transpose(x, kernel, sizes, window.strides, padding.upper(), FORMAT[rank])


TABLE: dict[str, Callable[..., Any]] = {"conv": conv, "conv_transpose": conv_transpose}
