"""Pooling over images: Keras' own layers, channels last whatever Keras is set to."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import ENGINE
from unidl.backends.keras.layers.core import LAST, same
from unidl.description.plan import LayerPlan
from unidl.layers import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from unidl.native.row import Difference, Native, one

_strides = one("strides")


def _own_strides(plan: LayerPlan) -> Any:
    """None where they are the window's size."""
    return None if plan.attributes["strides"] == plan.attributes["pool_size"] else _strides(plan)


WINDOW: dict[str, Any] = {"pool_size": one("pool_size"), "strides": _own_strides, "padding": "padding", **LAST}
WHOLE = {**LAST, **same("keepdims")}


def _pads(plan: LayerPlan) -> str | None:
    """Keras pads by repeating the border on torch."""
    if ENGINE == "torch" and plan.attributes["padding"] == "same":
        return 'on torch, Keras repeats the border where padding="same" is uneven'
    return None


def _one_pixel(plan: LayerPlan) -> list[Difference]:
    """Keras picks one of the largest on torch."""
    if ENGINE == "torch":
        return [Difference("ties", "on torch, Keras gives the gradient at a tie to one pixel only")]
    return []


ROWS: dict[type, Native] = {
    MaxPooling2D: Native("layers.MaxPooling2D", WINDOW, positional=1),
    AveragePooling2D: Native("layers.AveragePooling2D", WINDOW, positional=1, unsupported=_pads),
    GlobalAveragePooling2D: Native("layers.GlobalAveragePooling2D", WHOLE),
    GlobalMaxPooling2D: Native("layers.GlobalMaxPooling2D", WHOLE, differs=_one_pixel),
}
