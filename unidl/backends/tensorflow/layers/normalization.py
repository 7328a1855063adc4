"""BatchNormalization: TensorFlow's fused kernel, in float32. LayerNormalization is traced from its definition."""

from __future__ import annotations

import tensorflow as tf

from unidl.backends.lowering import Lowering
from unidl.backends.tensorflow.layers.core import Holder, holder_slots
from unidl.description.plan import LayerPlan
from unidl.layers import BatchNormalization


class FusedBatchNorm(Holder):
    """Variables of a batch normalization that `tf.raw_ops.FusedBatchNormV3` computes.

    Its moving variance follows the unbiased one, with the divisor max(n - 1, 1), as the definition's does.
    """


def refuses_batch_normalization(plan: LayerPlan) -> str | None:
    """The kernel's scale and moving values are float32."""
    if plan.dtype != "float32":
        return "tf.raw_ops.FusedBatchNormV3 serves float32 alone"
    return None


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


TABLE: dict[type, Lowering] = {
    BatchNormalization: Lowering(FusedBatchNorm, call_batch_normalization, holder_slots, refuses_batch_normalization)
}
