"""Convolutions, pooling and upsampling in TensorFlow."""

from __future__ import annotations

from typing import Any

from unidl.backends.tensorflow.source.layers import as_they_are, helped, reads
from unidl.codegen.calls import binary, call, number
from unidl.codegen.code import Code, Value
from unidl.codegen.language import Calling, Making, Row
from unidl.description.plan import LayerPlan
from unidl.layers import (
    AveragePooling2D,
    Conv2D,
    Conv2DTranspose,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    UpSampling2D,
)

CONV = '''
class Conv2D(tf.Module):
    """A convolution over images (batch, height, width, channels)."""

    def __init__(
        self,
        channels,
        filters,
        size,
        strides=1,
        padding="VALID",
        dilations=1,
        use_bias=True,
    ):
        super().__init__()
        self.strides, self.padding, self.dilations = strides, padding, dilations
        self.kernel = tf.Variable(glorot_uniform([*size, channels, filters]))
        self.bias = tf.Variable(tf.zeros([filters])) if use_bias else None

    def __call__(self, x):
        y = tf.nn.conv2d(
            x, self.kernel, self.strides, self.padding, "NHWC", self.dilations
        )
        return y if self.bias is None else y + self.bias
'''

GROUPED = '''
class GroupedConv2D(tf.Module):
    """A convolution whose groups of channels do not see each other.

    One after the other: on a CPU TensorFlow has no gradient of a grouped one.
    """

    def __init__(
        self,
        groups,
        channels,
        filters,
        size,
        strides=1,
        padding="VALID",
        dilations=1,
        use_bias=True,
    ):
        super().__init__()
        self.groups = groups
        self.strides, self.padding, self.dilations = strides, padding, dilations
        self.kernel = tf.Variable(glorot_uniform([*size, channels // groups, filters]))
        self.bias = tf.Variable(tf.zeros([filters])) if use_bias else None

    def __call__(self, x):
        images = tf.split(x, self.groups, axis=-1)
        kernels = tf.split(self.kernel, self.groups, axis=-1)
        parts = [
            tf.nn.conv2d(a, b, self.strides, self.padding, "NHWC", self.dilations)
            for a, b in zip(images, kernels)
        ]
        y = tf.concat(parts, axis=-1)
        return y if self.bias is None else y + self.bias
'''

TRANSPOSED = '''
class Conv2DTranspose(tf.Module):
    """Makes images (batch, height, width, channels) larger: a convolution's gradient."""

    def __init__(
        self, channels, filters, size, strides=(1, 1), padding="VALID", use_bias=True
    ):
        super().__init__()
        self.strides, self.padding = strides, padding
        self.kernel = tf.Variable(glorot_uniform([*size, filters, channels]))
        self.bias = tf.Variable(tf.zeros([filters])) if use_bias else None

    def __call__(self, x):
        batch, *lengths, _ = tf.unstack(tf.shape(x))
        *size, filters, _ = self.kernel.shape
        lengths = [n * s for n, s in zip(lengths, self.strides)]
        if self.padding == "VALID":  # a window may reach over its stride
            beyond = [max(k - s, 0) for k, s in zip(size, self.strides)]
            lengths = [n + b for n, b in zip(lengths, beyond)]
        shape = [batch, *lengths, filters]
        y = tf.nn.conv2d_transpose(x, self.kernel, shape, self.strides, self.padding)
        return y if self.bias is None else y + self.bias
'''


def one(pair: Any) -> Any:
    """One number where both are equal."""
    return pair[0] if pair[0] == pair[1] else list(pair)


def _conv(m: Making) -> str:
    layer = m.layer
    height, width, channels, filters = m.plan.weights["kernel"].shape
    grouped = layer.groups > 1
    name = helped(m, "GroupedConv2D", GROUPED) if grouped else helped(m, "Conv2D", CONV)
    return call(
        name,
        *([layer.groups] if grouped else []),
        channels * layer.groups,
        filters,
        (height, width),
        strides=one(layer.strides) if max(layer.strides) > 1 else None,
        padding="SAME" if layer.padding == "same" else None,
        dilations=one(layer.dilation_rate) if max(layer.dilation_rate) > 1 else None,
        use_bias=None if layer.use_bias else False,
    ).text


def _conv_call(c: Calling) -> Value:
    return c.activated(c.of(c.x))


def _transposed(m: Making) -> str:
    layer = m.layer
    return call(
        helped(m, "Conv2DTranspose", TRANSPOSED),
        m.length("kernel", 3),
        layer.filters,
        tuple(layer.kernel_size),
        strides=tuple(layer.strides) if max(layer.strides) > 1 else None,
        padding="SAME" if layer.padding == "same" else None,
        use_bias=None if layer.use_bias else False,
    ).text


def _pool(function: str) -> Any:
    def written(c: Calling) -> Code:
        layer = c.layer
        return call(function, c.x, one(layer.pool_size), one(layer.strides), layer.padding.upper())

    return written


def _global(function: str) -> Any:
    return lambda c: call(function, c.x, axis=[1, 2], keepdims=c.layer.keepdims or None)


def _upsampled(c: Calling) -> Code:
    lengths: Any = list(c.outputs.shape[1:3])
    if None in lengths:
        lengths = binary(Code(f"tf.shape({c.x})[1:3]", names=c.x.code.names), "*", number(one(c.layer.size)))
    method = c.layer.interpolation if c.layer.interpolation != "bilinear" else None
    return call("tf.image.resize", c.x, lengths, method=method)


def _serves_upsampling(plan: LayerPlan) -> bool:
    """tf.image.resize interpolates in float32, and gives it."""
    layer: Any = plan.layer
    return layer.interpolation == "nearest" or plan.dtype == "float32"


IMAGES: dict[type, Row] = {
    Conv2D: Row(_conv_call, _conv, as_they_are, reads=reads),
    Conv2DTranspose: Row(_conv_call, _transposed, as_they_are, reads=reads),
    MaxPooling2D: Row(_pool("tf.nn.max_pool2d")),
    AveragePooling2D: Row(_pool("tf.nn.avg_pool2d")),
    GlobalAveragePooling2D: Row(_global("tf.reduce_mean")),
    GlobalMaxPooling2D: Row(_global("tf.reduce_max")),
    UpSampling2D: Row(_upsampled, serves=_serves_upsampling),
}
