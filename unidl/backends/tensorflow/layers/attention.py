"""MultiHeadAttention: the definition's sums as products of matrices, whose gradients are such products too."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from unidl import ops
from unidl.backends.lowering import Lowering, refuses_integers
from unidl.backends.tensorflow.layers.core import Holder, holder_slots
from unidl.backends.tensorflow.ops.linear_algebra import known_lengths
from unidl.layers import MultiHeadAttention


class MatMulAttention(Holder):
    """Variables of an attention that `tf.matmul` computes; tf.einsum, by which the definition is traced, turns every tensor round."""


def in_heads(layer: MultiHeadAttention, name: str, x: tf.Tensor) -> tf.Tensor:
    """(batch, time, features) -> (batch, heads, time, width), by the map of that name."""
    kernel = getattr(layer, f"{name}_kernel")  # (features, heads, width)
    features, heads, width = kernel.shape
    y = tf.reshape(x, (-1, features)) @ tf.reshape(kernel, (features, heads * width))  # (batch * time, heads * width)
    if layer.use_bias:
        y = tf.nn.bias_add(y, tf.reshape(getattr(layer, f"{name}_bias"), (-1,)))
    return tf.transpose(tf.reshape(y, [*known_lengths(x)[:2], heads, width]), (0, 2, 1, 3))


def weights(layer: MultiHeadAttention, scores: tf.Tensor, allowed: Any, everywhere: bool) -> tf.Tensor:
    """As the definition's; where the same places are blocked in every example they are blocked by a sum, whose gradient is free.

    What is blocked has a weight of exactly 0 beside one that is not, and so has its gradient.
    """
    if allowed is None or not everywhere:
        return layer._weights(scores, allowed, everywhere)  # type: ignore[no-any-return]
    blocked = -6e4 if scores.dtype == tf.float16 else -1e30
    return tf.nn.softmax(scores + tf.where(allowed, tf.zeros((), scores.dtype), tf.constant(blocked, scores.dtype)))


def call_attention(
    layer: MultiHeadAttention,
    module: MatMulAttention,
    query: tf.Tensor,
    value: tf.Tensor | None = None,
    key: tf.Tensor | None = None,
    mask: tf.Tensor | None = None,
    causal: bool = False,
) -> tf.Tensor:
    """(batch, t, features), (batch, s, features) -> (batch, t, outputs)."""
    value = query if value is None else value
    key = value if key is None else key
    q, k, v = (in_heads(layer, name, x) for name, x in (("query", query), ("key", key), ("value", value)))
    scores = tf.matmul(q * (1.0 / math.sqrt(layer.key_dim)), k, transpose_b=True)  # (batch, heads, t, s)
    p = weights(layer, scores, layer._allowed(query, value, mask, causal), mask is None)
    if layer.training and layer.dropout:
        p = ops.random.dropout(p, layer.dropout)
    y = tf.transpose(tf.matmul(p, v), (0, 2, 1, 3))  # (batch, t, heads, value_dim)
    kernel: Any = layer.output_kernel  # (heads, value_dim, outputs)
    heads, width, outputs = kernel.shape
    rows = tf.reshape(y, (-1, heads * width)) @ tf.reshape(kernel, (heads * width, outputs))
    if layer.use_bias:
        rows = tf.nn.bias_add(rows, layer.output_bias)
    return tf.reshape(rows, [*known_lengths(query)[:2], outputs])


TABLE: dict[type, Lowering] = {
    MultiHeadAttention: Lowering(MatMulAttention, call_attention, holder_slots, refuses_integers)
}
