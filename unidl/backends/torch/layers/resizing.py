"""UpSampling2D: nn.Upsample on a channels-last view."""

from __future__ import annotations

import numpy as np

from unidl.backends.lowering import refuses_integers
from unidl.description.plan import LayerPlan
from unidl.layers import UpSampling2D
from unidl.native.row import FIRST, Difference, Native, one


def _differs(plan: LayerPlan) -> list[Difference]:
    """torch multiplies by the factor's reciprocal in float32; at 41, 47, 55... a pixel's first copy is the one before.

    Its "nearest-exact" is right, but ONNX has none.
    """
    nearest = plan.attributes["interpolation"] == "nearest"
    if nearest and any(np.float32(n) * np.float32(1 / n) < 1 for n in plan.attributes["size"]):
        reason = 'the reciprocal rounds down, and torch\'s "nearest" would take the pixel before'
        return [Difference("export", reason)]
    return []


UPSAMPLING = Native(
    "nn.Upsample",
    {
        "scale_factor": one("size"),
        "mode": lambda plan: "nearest-exact" if _differs(plan) else plan.attributes["interpolation"],
    },
    layout=FIRST,
    unsupported=refuses_integers,
    differs=_differs,
)

ROWS: dict[type, Native] = {UpSampling2D: UPSAMPLING}
