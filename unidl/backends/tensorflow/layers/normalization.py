"""BatchNormalization: TensorFlow's fused kernel, in float32. LayerNormalization: its definition, with the gradient written out."""

from __future__ import annotations

import tensorflow as tf

from unidl.backends.lowering import Lowering, refuses_integers
from unidl.backends.tensorflow.layers.core import Holder, holder_slots
from unidl.backends.tensorflow.tracing import with_gradient
from unidl.description.plan import LayerPlan
from unidl.layers import BatchNormalization, LayerNormalization


class FusedBatchNorm(Holder):
    """Variables of a batch normalization that `tf.raw_ops.FusedBatchNormV3` computes.

    Its moving variance follows the unbiased one, with the divisor max(n - 1, 1), as the definition's does.
    """


def refuses_batch_normalization(plan: LayerPlan) -> str | None:
    """The kernel's scale and moving values are float32."""
    if plan.dtype != "float32":
        return "tf.raw_ops.FusedBatchNormV3 serves float32 alone"
    return refuses_integers(plan)


def call_batch_normalization(layer: BatchNormalization, module: FusedBatchNorm, x: tf.Tensor) -> tf.Tensor:
    """(batch, ..., channels) -> the same shape."""
    shape = tf.shape(x)
    pixels = x if x.shape.rank == 4 else tf.reshape(x, (-1, 1, 1, x.shape[-1]))  # (batch, height, width, channels)
    channels = (x.shape[-1],)
    training = layer.training
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=pixels,
        scale=layer.gamma if layer.scale else tf.ones(channels),
        offset=layer.beta if layer.center else tf.zeros(channels),
        mean=tf.zeros((0,)) if training else layer.moving_mean,
        variance=tf.zeros((0,)) if training else layer.moving_variance,
        epsilon=layer.epsilon,
        is_training=training,
    )
    if training:
        layer.update("moving_mean", layer._moved(layer.moving_mean, mean))
        layer.update("moving_variance", layer._moved(layer.moving_variance, variance))
    return y if x.shape.rank == 4 else tf.reshape(y, shape)


class LayerNorm(Holder):
    """Variables of a layer normalization over the last axis, whose gradient is written out."""


def refuses_layer_normalization(plan: LayerPlan) -> str | None:
    """The last axis alone, which nearly everybody normalises over."""
    layer: LayerNormalization = plan.layer  # type: ignore[assignment]
    last = {len(plan.arguments(call)["x"].shape) - 1 for call in plan.calls}
    if layer.axis != (-1,) and last != set(layer.axis):
        return "on TensorFlow the gradient is written out for the last axis alone"
    return refuses_integers(plan)


def call_layer_normalization(layer: LayerNormalization, module: LayerNorm, x: tf.Tensor) -> tf.Tensor:
    """(batch, ..., units) -> the same shape."""
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + layer.epsilon)  # (batch, ..., 1)
    normal = centred * inverse
    weights = [getattr(layer, name) for name, there in (("gamma", layer.scale), ("beta", layer.center)) if there]
    y = normal * weights[0] if layer.scale else normal

    def gradient(dy: tf.Tensor) -> list[tf.Tensor]:
        by_normal = dy * weights[0] if layer.scale else dy
        mean = tf.reduce_mean(by_normal, -1, keepdims=True)
        along = tf.reduce_mean(by_normal * normal, -1, keepdims=True)
        by_weights = [summed(dy * normal)] * layer.scale + [summed(dy)] * layer.center
        return [(by_normal - mean - normal * along) * inverse, *by_weights]

    return with_gradient(tf.nn.bias_add(y, weights[-1]) if layer.center else y, [x, *weights], gradient)


def summed(x: tf.Tensor) -> tf.Tensor:
    """(..., units) -> (units,), the sum over all that stands before."""
    return tf.raw_ops.BiasAddGrad(out_backprop=x)


TABLE: dict[type, Lowering] = {
    LayerNormalization: Lowering(LayerNorm, call_layer_normalization, holder_slots, refuses_layer_normalization),
    BatchNormalization: Lowering(FusedBatchNorm, call_batch_normalization, holder_slots, refuses_batch_normalization),
}
