"""Add, Concatenate and their like: Keras' own layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.layers.core import call_layer, common
from unidl.backends.keras.ops.arithmetic import broadcasts
from unidl.backends.lowering import Lowering, by_definition, refuses_integers
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.graph.shape import broadcast
from unidl.layers import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract


def _of(cls: Any) -> Callable[[LayerPlan], Any]:
    return lambda plan: cls(**common(plan))


def refuses_sum(plan: LayerPlan) -> str | None:
    """Keras adds from left to right with its `add`."""
    return (
        None if ENGINE != "tensorflow" or adds(plan) else "on TensorFlow, Keras adds such a tensor along another axis"
    )


def refuses_average(plan: LayerPlan) -> str | None:
    """Keras adds integers as integers, which overflow."""
    return refuses_integers(plan) or refuses_sum(plan)


def adds(plan: LayerPlan) -> bool:
    """Whether `keras.ops.add` on TensorFlow adds the layer's inputs, one after the other, as they broadcast."""
    for call in plan.calls:
        first, *others = [tensor.shape for tensor in symbols(call.args)]
        for other in others:
            if not broadcasts(first, other):
                return False
            first = broadcast(first, other)
    return True


def make_concatenate(plan: LayerPlan) -> Any:
    """The same axis."""
    layer: Concatenate = plan.layer  # type: ignore[assignment]
    return keras.layers.Concatenate(axis=layer.axis, **common(plan))


_ONE_SIDED = by_definition("on TensorFlow, Keras gives the gradient at a tie to the first input alone")

TABLE: dict[type, Lowering] = {
    Add: Lowering(_of(keras.layers.Add), call_layer, refuses=refuses_sum),
    Subtract: Lowering(_of(keras.layers.Subtract), call_layer),
    Multiply: Lowering(_of(keras.layers.Multiply), call_layer),
    Average: Lowering(_of(keras.layers.Average), call_layer, refuses=refuses_average),
    Maximum: _ONE_SIDED if ENGINE == "tensorflow" else Lowering(_of(keras.layers.Maximum), call_layer),
    Minimum: _ONE_SIDED if ENGINE == "tensorflow" else Lowering(_of(keras.layers.Minimum), call_layer),
    Concatenate: Lowering(make_concatenate, call_layer),
}
