"""UpSampling2D: Keras' own, channels last whatever Keras is set to."""

from __future__ import annotations

from unidl.backends.keras.layers.core import LAST, same
from unidl.backends.lowering import refuses_integers
from unidl.description.plan import LayerPlan
from unidl.layers import UpSampling2D
from unidl.native.row import Native, one


def _unsupported(plan: LayerPlan) -> str | None:
    """Keras resizes in float32."""
    if plan.attributes["interpolation"] != "bilinear":
        return None
    return "Keras interpolates in float32 inside" if plan.dtype == "float64" else refuses_integers(plan)


ROWS: dict[type, Native] = {
    UpSampling2D: Native(
        "layers.UpSampling2D",
        {"size": one("size"), **LAST, **same("interpolation")},
        positional=1,
        unsupported=_unsupported,
    )
}
