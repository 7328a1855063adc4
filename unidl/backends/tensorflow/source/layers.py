"""Dense, Embedding, Dropout, activations, shapes, merging, normalization: modules and functions of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.codegen.calls import binary, call
from unidl.codegen.code import CHOICE, Code, Value
from unidl.codegen.language import Arrays, Calling, Making, Row
from unidl.description.plan import LayerPlan
from unidl.layers import (
    Activation,
    Add,
    Average,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNormalization,
    Maximum,
    Minimum,
    Multiply,
    ReLU,
    Reshape,
    Softmax,
    Subtract,
)

GLOROT = '''
def glorot_uniform(shape):
    """First values for a kernel (..., inputs, outputs)."""
    window = math.prod(shape[:-2])
    limit = math.sqrt(6 / (window * (shape[-2] + shape[-1])))
    return tf.random.uniform(shape, -limit, limit)
'''

DENSE = '''
class Dense(tf.Module):
    """y = x @ kernel + bias, over the last axis."""

    def __init__(self, inputs, units, use_bias=True):
        super().__init__()
        self.kernel = tf.Variable(glorot_uniform([inputs, units]))
        self.bias = tf.Variable(tf.zeros([units])) if use_bias else None

    def __call__(self, x):
        y = x @ self.kernel  # (batch, ..., units)
        return y if self.bias is None else y + self.bias
'''

EMBEDDING = '''
class Embedding(tf.Module):
    """A vector for each index."""

    def __init__(self, indices, units):
        super().__init__()
        self.embeddings = tf.Variable(tf.random.uniform([indices, units], -0.05, 0.05))

    def __call__(self, x):
        return tf.gather(self.embeddings, x)  # (batch, ..., units)
'''

BATCH_NORMALIZATION = '''
class BatchNormalization(tf.Module):
    """Each channel by its mean and variance over the batch.

    In training the moving ones follow: their old value counts `momentum`, and the
    variance is the unbiased one, as in tf.compat.v1.nn.fused_batch_norm and torch.
    """

    def __init__(self, channels, momentum=0.9, epsilon=1e-5, center=True, scale=True):
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.gamma = tf.Variable(tf.ones([channels])) if scale else None
        self.beta = tf.Variable(tf.zeros([channels])) if center else None
        self.moving_mean = tf.Variable(tf.zeros([channels]), trainable=False)
        self.moving_variance = tf.Variable(tf.ones([channels]), trainable=False)

    def __call__(self, x, training=False):
        mean, variance = self.moving_mean, self.moving_variance  # (channels,)
        if training:
            mean, variance = tf.nn.moments(x, list(range(x.shape.rank - 1)))
            count = tf.cast(tf.size(x) // x.shape[-1], x.dtype)
            unbiased = variance * count / tf.maximum(count - 1.0, 1.0)
            self.moving_mean.assign(self._moved(self.moving_mean, mean))
            self.moving_variance.assign(self._moved(self.moving_variance, unbiased))
        return tf.nn.batch_normalization(
            x, mean, variance, self.beta, self.gamma, self.epsilon
        )

    def _moved(self, old, new):
        return old * self.momentum + new * (1.0 - self.momentum)
'''

LAYER_NORMALIZATION = '''
class LayerNormalization(tf.Module):
    """Each example by its mean and variance over some axes."""

    def __init__(self, shape, axes=(-1,), epsilon=1e-5, center=True, scale=True):
        super().__init__()
        self.axes, self.epsilon = axes, epsilon
        self.gamma = tf.Variable(tf.ones(shape)) if scale else None
        self.beta = tf.Variable(tf.zeros(shape)) if center else None

    def __call__(self, x):
        mean, variance = tf.nn.moments(x, self.axes, keepdims=True)
        y = (x - mean) * tf.math.rsqrt(variance + self.epsilon)
        axes = [axis % x.shape.rank for axis in self.axes]
        # the weights' shape, with 1 for the axes that are not normalised
        shape = [n if axis in axes else 1 for axis, n in enumerate(x.shape)]
        if self.gamma is not None:
            y *= tf.reshape(self.gamma, shape)
        if self.beta is not None:
            y += tf.reshape(self.beta, shape)
        return y
'''


def helped(m: Making, name: str, text: str) -> str:
    """A module of the file; its name."""
    if "glorot_uniform(" in text:
        m.author.helper("glorot_uniform", GLOROT)
    return m.author.helper(name, text)


def as_they_are(plan: LayerPlan, w: Arrays) -> Arrays:
    """Canonical names and layouts."""
    return w


def reads(plan: LayerPlan, name: str, me: str) -> str:
    """Likewise."""
    return f"{me}.{name}"


def _dense(m: Making) -> str:
    bias = None if m.layer.use_bias else False
    return call(helped(m, "Dense", DENSE), m.length("kernel", 0), m.length("kernel", 1), use_bias=bias).text


def _dense_call(c: Calling) -> Value:
    x = c.x if c.x.dtype == c.plan.dtype else c.scope.casted(c.x, c.plan.dtype)
    return c.activated(c.of(x))


def _batch_norm(m: Making) -> str:
    layer = m.layer
    return call(
        helped(m, "BatchNormalization", BATCH_NORMALIZATION),
        m.plan.weights["moving_mean"].shape[0],
        momentum=layer.momentum if layer.momentum != 0.9 else None,
        epsilon=layer.epsilon if layer.epsilon != 1e-5 else None,
        center=None if layer.center else False,
        scale=None if layer.scale else False,
    ).text


def _layer_norm(m: Making) -> str:
    layer, axes = m.layer, m.plan.attributes["axes"]
    rank = len(m.plan.input_shapes[0])
    return call(
        helped(m, "LayerNormalization", LAYER_NORMALIZATION),
        [m.plan.input_shapes[0][axis] for axis in axes],
        axes=tuple(axes) if axes != (rank - 1,) else None,
        epsilon=layer.epsilon if layer.epsilon != 1e-5 else None,
        center=None if layer.center else False,
        scale=None if layer.scale else False,
    ).text


def _dropout(c: Calling) -> Code:
    if not c.layer.rate:
        return c.x.code
    dropped = call("tf.nn.dropout", c.x, c.layer.rate)
    return Code(f"{dropped} if training else {c.x}", CHOICE, c.x.code.names)


def _reshape(c: Calling) -> Code:
    known = c.outputs.shape[1:]
    shape = [-1, *known] if None not in known else [c.scope.language.length(c.x, 0), *c.layer.target_shape]
    return call("tf.reshape", c.x, shape)


def _flatten(c: Calling) -> Code:
    size = c.outputs.shape[1]
    return call("tf.reshape", c.x, [-1, size] if size is not None else [c.scope.language.length(c.x, 0), -1])


def _operator(symbol: str) -> Callable[[Calling], Code]:
    def merged(c: Calling) -> Code:
        first, *rest = c.args["inputs"]
        result: Code = first.code
        for other in rest:
            result = binary(result, symbol, other)
        return result

    return merged


def _average(c: Calling) -> Code:
    return binary(_operator("+")(c), "/", len(c.args["inputs"]))


def _pairwise(function: str) -> Callable[[Calling], Any]:
    def merged(c: Calling) -> Code:
        first, *rest = c.args["inputs"]
        result: Code = first.code
        c.scope.say("", "at a tie TensorFlow gives the first all of the gradient, unidl each a share")
        for other in rest:
            result = call(function, result, other)
        return result

    return merged


LAYERS: dict[type, Row] = {
    Dense: Row(_dense_call, _dense, as_they_are, reads=reads),
    Embedding: Row(
        lambda c: c.of(c.x if c.x.dtype in ("int32", "int64") else c.scope.casted(c.x, "int64")),
        lambda m: call(helped(m, "Embedding", EMBEDDING), m.layer.input_dim, m.layer.output_dim).text,
        as_they_are,
        reads=reads,
    ),
    Dropout: Row(_dropout, trains=lambda plan: plan.layer.rate > 0),  # type: ignore[attr-defined]
    Flatten: Row(_flatten),
    Reshape: Row(_reshape),
    Activation: Row(lambda c: c.activated(c.x.code)),
    ReLU: Row(lambda c: call("tf.nn.relu", c.x)),
    Softmax: Row(lambda c: call("tf.nn.softmax", c.x, axis=None if c.layer.axis == -1 else c.layer.axis)),
    Add: Row(_operator("+")),
    Subtract: Row(_operator("-")),
    Multiply: Row(_operator("*")),
    Average: Row(_average),
    Maximum: Row(_pairwise("tf.maximum")),
    Minimum: Row(_pairwise("tf.minimum")),
    Concatenate: Row(lambda c: call("tf.concat", list(c.args["inputs"]), axis=c.layer.axis)),
    BatchNormalization: Row(
        lambda c: c.of(c.x, Code("training")), _batch_norm, as_they_are, trains=lambda plan: True, reads=reads
    ),
    LayerNormalization: Row(lambda c: c.of(c.x), _layer_norm, as_they_are, reads=reads),
}
