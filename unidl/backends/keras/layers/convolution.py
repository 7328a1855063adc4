"""Conv2D and Conv2DTranspose: Keras' own, channels last whatever Keras is set to."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.layers.core import activation_name, call_activated, common, own_slots
from unidl.backends.lowering import Lowering
from unidl.description.plan import LayerPlan
from unidl.layers import Conv2D, Conv2DTranspose


def make_convolution(plan: LayerPlan) -> Any:
    """kernel (height, width, channels / groups, filters), as in Keras."""
    layer: Conv2D = plan.layer  # type: ignore[assignment]
    return keras.layers.Conv2D(
        layer.filters,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        data_format="channels_last",
        dilation_rate=layer.dilation_rate,
        groups=layer.groups,
        activation=activation_name(layer.activation, plan),
        use_bias=layer.use_bias,
        kernel_initializer="zeros",
        **common(plan),
    )


def refuses(plan: LayerPlan) -> str | None:
    """Why Keras' own cannot serve this layer."""
    layer: Conv2D = plan.layer  # type: ignore[assignment]
    if ENGINE == "torch" and layer.filters == 1:
        return "on torch, Keras lays out a kernel of one filter so that torch can refuse its gradient"
    return None


def make_transposed(plan: LayerPlan) -> Any:
    """kernel (height, width, filters, channels), as in Keras."""
    layer: Conv2DTranspose = plan.layer  # type: ignore[assignment]
    return keras.layers.Conv2DTranspose(
        layer.filters,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        data_format="channels_last",
        activation=activation_name(layer.activation, plan),
        use_bias=layer.use_bias,
        kernel_initializer="zeros",
        **common(plan),
    )


TABLE: dict[type, Lowering] = {
    Conv2D: Lowering(make_convolution, call_activated, own_slots, refuses),
    Conv2DTranspose: Lowering(make_transposed, call_activated, own_slots),
}
