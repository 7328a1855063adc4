"""Embedding: a gather from the variable itself. Dense, Dropout, Flatten and Reshape are traced from their definitions.

And what TensorFlow's lowerings share.
"""

from __future__ import annotations

import tensorflow as tf

from unidl.backends.lowering import Lowering
from unidl.backends.tensorflow.tracing import with_gradient
from unidl.backends.tensorflow.weight import Slot, make_variable
from unidl.description.plan import LayerPlan
from unidl.layers import Embedding


class Holder(tf.Module):
    """The variables of a layer, named and laid out as the description has them; a lowering computes with a kernel of TensorFlow's.

    Args:
        plan: The layer's plan.
    """

    def __init__(self, plan: LayerPlan) -> None:
        super().__init__()
        device = tf.zeros(()).device  # the one in force
        for name, weight in plan.weights.items():
            label = f"{plan.path}/{name}"
            setattr(self, name, make_variable(weight.shape, weight.dtype, device, label, weight.trainable))


def holder_slots(plan: LayerPlan, module: tf.Module) -> dict[str, Slot]:
    """Each weight in the variable of its name."""
    return {name: Slot(module, name) for name in plan.weights}


class ResourceGather(Holder):
    """The table of an embedding, from which `tf.raw_ops.ResourceGather` reads rows.

    The definition reads the whole table first; while that is held, the optimizer's kernel copies it before it writes.
    """


def call_embedding(layer: Embedding, module: ResourceGather, x: tf.Tensor) -> tf.Tensor:
    """(batch, ...) -> (batch, ..., output_dim)."""
    x = x if x.dtype in (tf.int32, tf.int64) else tf.cast(x, tf.int64)

    def gradient(dy: tf.Tensor) -> list[tf.Tensor]:
        return [tf.math.unsorted_segment_sum(dy, x, layer.input_dim)]  # dense, as the optimizers want it

    return with_gradient(tf.gather(module.embeddings, x), [module.embeddings.handle], gradient)


TABLE: dict[type, Lowering] = {Embedding: Lowering(ResourceGather, call_embedding, holder_slots)}
