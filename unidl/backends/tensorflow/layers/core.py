"""What TensorFlow's lowerings share. Dense, Embedding, Dropout, Flatten and Reshape are traced from their definitions."""

from __future__ import annotations

import tensorflow as tf

from unidl.backends.lowering import Lowering
from unidl.backends.tensorflow.weight import Slot, make_variable
from unidl.description.plan import LayerPlan


class Holder(tf.Module):
    """The variables of a layer, named and laid out as the description has them; a lowering computes with a kernel of TensorFlow's.

    Args:
        plan: The layer's plan.
    """

    def __init__(self, plan: LayerPlan) -> None:
        super().__init__()
        device = tf.zeros(()).device  # the one in force
        for name, weight in plan.weights.items():
            setattr(
                self, name, make_variable(weight.shape, weight.dtype, device, f"{plan.path}/{name}", weight.trainable)
            )


def holder_slots(plan: LayerPlan, module: tf.Module) -> dict[str, Slot]:
    """Each weight in the variable of its name."""
    return {name: Slot(module, name) for name in plan.weights}


TABLE: dict[type, Lowering] = {}
