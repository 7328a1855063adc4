"""Dense, Embedding, Dropout: torch's own modules."""

from __future__ import annotations

import torch
from torch import nn

from unidl.backends.lowering import Lowering
from unidl.backends.torch.weight import Slot, transposed
from unidl.description.plan import LayerPlan
from unidl.layers import Dense


def dtype_of(plan: LayerPlan) -> torch.dtype:
    """The floating dtype in which a layer is to be made."""
    return getattr(torch, plan.dtype)


# -- Dense -------------------------------------------------------------------------------------------------------------------


def make_dense(plan: LayerPlan) -> nn.Linear:
    """kernel (inputs, units) -> weight (units, inputs)."""
    inputs, units = plan.weights["kernel"].shape
    return nn.Linear(inputs, units, bias="bias" in plan.weights, dtype=dtype_of(plan))


def call_dense(layer: Dense, module: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """(batch, ..., inputs) -> (batch, ..., units)."""
    return layer.activation(module(x))


def dense_slots(plan: LayerPlan, module: nn.Linear) -> dict[str, Slot]:
    """The kernel is the weight's transpose."""
    slots = {"kernel": Slot(module, "weight", transposed)}
    if "bias" in plan.weights:
        slots["bias"] = Slot(module, "bias")
    return slots


TABLE = {Dense: Lowering(make_dense, call_dense, dense_slots)}
