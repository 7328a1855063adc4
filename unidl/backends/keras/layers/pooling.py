"""Pooling over images: Keras' own layers, channels last whatever Keras is set to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.layers.core import call_layer, common
from unidl.backends.lowering import Lowering
from unidl.description.plan import LayerPlan
from unidl.layers import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D


def _windowed(cls: Any) -> Callable[[LayerPlan], Any]:
    def make(plan: LayerPlan) -> Any:
        layer: Any = plan.layer
        return cls(layer.pool_size, layer.strides, layer.padding, data_format="channels_last", **common(plan))

    return make


def _global(cls: Any) -> Callable[[LayerPlan], Any]:
    def make(plan: LayerPlan) -> Any:
        layer: Any = plan.layer
        return cls(data_format="channels_last", keepdims=layer.keepdims, **common(plan))

    return make


def refuses_average(plan: LayerPlan) -> str | None:
    """Keras pads by repeating the border on torch."""
    layer: AveragePooling2D = plan.layer  # type: ignore[assignment]
    if ENGINE == "torch" and layer.padding == "same":
        return 'on torch, Keras repeats the border where padding="same" is uneven'
    return None


def refuses_global_max(plan: LayerPlan) -> str | None:
    """Keras picks one of the largest on torch."""
    return "on torch, Keras gives the gradient at a tie to one pixel only" if ENGINE == "torch" else None


TABLE: dict[type, Lowering] = {
    MaxPooling2D: Lowering(_windowed(keras.layers.MaxPooling2D), call_layer),
    AveragePooling2D: Lowering(_windowed(keras.layers.AveragePooling2D), call_layer, refuses=refuses_average),
    GlobalAveragePooling2D: Lowering(_global(keras.layers.GlobalAveragePooling2D), call_layer),
    GlobalMaxPooling2D: Lowering(_global(keras.layers.GlobalMaxPooling2D), call_layer, refuses=refuses_global_max),
}
