"""Lowerings of unidl.ops.activation; what is not here runs its definition.

In float64 tf.nn.leaky_relu and tf.nn.gelu (both forms) hold their constants in float32; tf.nn.selu's gradient at 0 lacks alpha.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.ops.arithmetic import erf
from unidl.backends.tensorflow.ops.linear_algebra import on_rows
from unidl.backends.tensorflow.promotion import on_number, on_real, reals
from unidl.backends.tensorflow.tracing import is_training, lacks_kernels, with_gradient

Tensor: TypeAlias = tf.Tensor


def softmax(x: Any, axis: int = -1) -> Tensor:
    return tf.nn.softmax(*reals(x), axis=axis)


def gelu(x: Any) -> Tensor:
    (x,) = reals(x)
    if lacks_kernels():
        return tf.nn.gelu(x)  # LiteRT has no Erf: its converter knows gelu by TensorFlow's own formula
    if not is_training():
        # in the form that TensorFlow fuses with the product before it, where oneDNN is on
        return on_rows(lambda y: y * 0.5 * (erf(y * math.sqrt(0.5)) + 1.0), x, "BiasAdd")
    phi = (erf(x * math.sqrt(0.5)) + 1.0) * 0.5  # the normal distribution function

    def gradient(dy: Tensor) -> list[Tensor]:
        density = tf.exp(tf.square(x) * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))
        return [dy * (phi + x * density)]

    return with_gradient(x * phi, [x], gradient)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    return tf.nn.log_softmax(*reals(x), axis=axis)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return tf.reduce_logsumexp(*reals(x), axis=axis, keepdims=keepdims)


TABLE: dict[str, Callable[..., Any]] = {
    "relu": on_number(tf.nn.relu),
    "relu6": on_real(tf.nn.relu6),
    "sigmoid": on_real(tf.sigmoid),
    "softplus": on_real(tf.math.softplus),
    "silu": on_real(tf.nn.silu),
    "gelu": gelu,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
}
