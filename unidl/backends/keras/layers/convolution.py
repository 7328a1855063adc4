"""Conv2D and Conv2DTranspose: Keras' own, channels last whatever Keras is set to."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import ENGINE
from unidl.backends.keras.layers.core import LAST, same, tied
from unidl.description.plan import LayerPlan
from unidl.layers import Conv2D, Conv2DTranspose
from unidl.native.row import Difference, Native, one

WINDOW: dict[str, Any] = {
    "filters": "filters",
    "kernel_size": one("kernel_size"),
    "strides": one("strides"),
    "padding": "padding",
    **LAST,
}


def _differs(plan: LayerPlan) -> list[Difference]:
    """A kernel of one filter is no matrix that torch's convolution knows."""
    if ENGINE == "torch" and plan.attributes["filters"] == 1:
        reason = "on torch, Keras lays out a kernel of one filter so that torch can refuse its gradient"
        return [Difference("training", reason)]
    return []


ROWS: dict[type, Native] = {
    Conv2D: Native(
        "layers.Conv2D",
        {**WINDOW, "dilation_rate": one("dilation_rate"), **same("groups", "activation", "use_bias")},
        tied("kernel", "bias"),
        positional=2,
        activation="activation",
        differs=_differs,
    ),
    Conv2DTranspose: Native(
        "layers.Conv2DTranspose",
        {**WINDOW, **same("activation", "use_bias")},
        tied("kernel", "bias"),
        positional=2,
        activation="activation",
    ),
}
