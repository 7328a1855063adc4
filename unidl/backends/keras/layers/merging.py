"""Add, Concatenate and their like: Keras' own layers."""

from __future__ import annotations

from unidl.backends.keras.engine import ENGINE
from unidl.backends.keras.layers.core import same
from unidl.backends.keras.ops.arithmetic import broadcasts
from unidl.backends.lowering import refuses_integers
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.graph.shape import broadcast
from unidl.layers import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract
from unidl.native.row import Difference, Native


def _refuses_sum(plan: LayerPlan) -> str | None:
    """Keras adds from left to right with its `add`; source code may run on any engine."""
    return None if _adds(plan) else "on TensorFlow, Keras adds such a tensor along another axis"


def _refuses_average(plan: LayerPlan) -> str | None:
    """Keras adds integers as integers, which overflow."""
    return refuses_integers(plan) or _refuses_sum(plan)


def _adds(plan: LayerPlan) -> bool:
    """Whether `keras.ops.add` on TensorFlow adds the layer's inputs, one after the other, as they broadcast."""
    for call in plan.calls:
        first, *others = [tensor.shape for tensor in symbols(call.args)]
        for other in others:
            if not broadcasts(first, other):
                return False
            first = broadcast(first, other)
    return True


def _one_sided(plan: LayerPlan) -> list[Difference]:
    if ENGINE == "tensorflow":
        return [Difference("ties", "on TensorFlow, Keras gives the gradient at a tie to the first input alone")]
    return []


ROWS: dict[type, Native] = {
    Add: Native("layers.Add", unsupported=_refuses_sum),
    Subtract: Native("layers.Subtract"),
    Multiply: Native("layers.Multiply"),
    Average: Native("layers.Average", unsupported=_refuses_average),
    Maximum: Native("layers.Maximum", differs=_one_sided),
    Minimum: Native("layers.Minimum", differs=_one_sided),
    Concatenate: Native("layers.Concatenate", same("axis")),
}
