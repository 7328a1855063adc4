"""UpSampling2D: Keras' own, channels last whatever Keras is set to."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers.core import call_layer, common
from unidl.backends.lowering import Lowering, refuses_integers
from unidl.description.plan import LayerPlan
from unidl.layers import UpSampling2D


def make_upsampling(plan: LayerPlan) -> Any:
    """The same factors."""
    layer: UpSampling2D = plan.layer  # type: ignore[assignment]
    return keras.layers.UpSampling2D(
        layer.size, data_format="channels_last", interpolation=layer.interpolation, **common(plan)
    )


def refuses_upsampling(plan: LayerPlan) -> str | None:
    """Keras resizes in float32."""
    layer: UpSampling2D = plan.layer  # type: ignore[assignment]
    if layer.interpolation == "bilinear" and plan.dtype == "float64":
        return "Keras interpolates in float32 inside"
    return refuses_integers(plan) if layer.interpolation == "bilinear" else None


TABLE: dict[type, Lowering] = {UpSampling2D: Lowering(make_upsampling, call_layer, refuses=refuses_upsampling)}
