"""Add, Concatenate and their like: Keras' own layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.layers.core import call_layer, common
from unidl.backends.lowering import Lowering, by_definition
from unidl.description.plan import LayerPlan
from unidl.layers import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract


def _of(cls: Any) -> Callable[[LayerPlan], Any]:
    return lambda plan: cls(**common(plan))


def make_concatenate(plan: LayerPlan) -> Any:
    """The same axis."""
    layer: Concatenate = plan.layer  # type: ignore[assignment]
    return keras.layers.Concatenate(axis=layer.axis, **common(plan))


_ONE_SIDED = by_definition("on TensorFlow, Keras gives the gradient at a tie to the first input alone")

TABLE: dict[type, Lowering] = {
    Add: Lowering(_of(keras.layers.Add), call_layer),
    Subtract: Lowering(_of(keras.layers.Subtract), call_layer),
    Multiply: Lowering(_of(keras.layers.Multiply), call_layer),
    Average: Lowering(_of(keras.layers.Average), call_layer),
    Maximum: _ONE_SIDED if ENGINE == "tensorflow" else Lowering(_of(keras.layers.Maximum), call_layer),
    Minimum: _ONE_SIDED if ENGINE == "tensorflow" else Lowering(_of(keras.layers.Minimum), call_layer),
    Concatenate: Lowering(make_concatenate, call_layer),
}
