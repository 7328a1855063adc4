"""UpSampling2D: nn.Upsample on a channels-last view."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from unidl.backends.lowering import Lowering, refuses_integers
from unidl.description.plan import LayerPlan
from unidl.layers import UpSampling2D


def make_upsampling(plan: LayerPlan) -> nn.Upsample:
    """By whole factors."""
    layer: UpSampling2D = plan.layer  # type: ignore[assignment]
    factors = tuple(float(times) for times in layer.size)
    return nn.Upsample(scale_factor=factors, mode=layer.interpolation)  # type: ignore[arg-type]


def call_upsampling(layer: UpSampling2D, module: nn.Upsample, x: torch.Tensor) -> torch.Tensor:
    """(batch, height, width, channels) -> (batch, height', width', channels), through views."""
    return module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def refuses_upsampling(plan: LayerPlan) -> str | None:
    """torch multiplies by the factor's reciprocal in float32; at 41, 47, 55... a pixel's first copy is the one before.

    Its "nearest-exact" would be right, but ONNX has none.
    """
    layer: UpSampling2D = plan.layer  # type: ignore[assignment]
    if layer.interpolation == "nearest" and any(np.float32(n) * np.float32(1 / n) < 1 for n in layer.size):
        return "torch's reciprocal of the factor rounds down, to the pixel before"
    return refuses_integers(plan)


TABLE: dict[type, Lowering] = {UpSampling2D: Lowering(make_upsampling, call_upsampling, refuses=refuses_upsampling)}
