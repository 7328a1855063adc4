"""Activation, ReLU, Softmax: Keras' own layers."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers.core import (
    ACTIVATIONS,
    DIFFER,
    activation_name,
    call_layer,
    common,
)
from unidl.backends.lowering import Lowering, refuses_integers
from unidl.description.plan import LayerPlan
from unidl.layers import Activation, ReLU, Softmax


def refuses_activation(plan: LayerPlan) -> str | None:
    """A function of the user's, or one that Keras means differently."""
    layer: Activation = plan.layer  # type: ignore[assignment]
    if layer.activation not in ACTIVATIONS:
        return DIFFER.get(layer.activation, "keras.activations has none that computes this function")
    if activation_name(layer.activation, plan) is None:
        return f"keras.activations.{ACTIVATIONS[layer.activation]} rounds to float32 inside"
    return refuses_integers(plan)


def make_activation(plan: LayerPlan) -> Any:
    """By Keras' name."""
    layer: Activation = plan.layer  # type: ignore[assignment]
    return keras.layers.Activation(activation_name(layer.activation, plan), **common(plan))


def make_relu(plan: LayerPlan) -> Any:
    """Without a slope or a limit."""
    return keras.layers.ReLU(**common(plan))


def make_softmax(plan: LayerPlan) -> Any:
    """The same axis."""
    layer: Softmax = plan.layer  # type: ignore[assignment]
    return keras.layers.Softmax(axis=layer.axis, **common(plan))


TABLE: dict[type, Lowering] = {
    Activation: Lowering(make_activation, call_layer, refuses=refuses_activation),
    ReLU: Lowering(make_relu, call_layer),
    Softmax: Lowering(make_softmax, call_layer, refuses=refuses_integers),
}
