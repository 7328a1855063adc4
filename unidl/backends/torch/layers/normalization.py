"""BatchNormalization and LayerNormalization: torch's own modules on channels-first views."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from unidl import ops
from unidl.backends.lowering import refuses_integers
from unidl.description.plan import LayerPlan
from unidl.graph.spec import TensorSpec
from unidl.layers import BatchNormalization, LayerNormalization
from unidl.native.row import FIRST, Fixed, Native, Output, length
from unidl.native.tie import Tie

# -- BatchNormalization ------------------------------------------------------------------------------------------------------

_BY_AXES = {2: "nn.BatchNorm1d", 3: "nn.BatchNorm1d", 4: "nn.BatchNorm2d", 5: "nn.BatchNorm3d"}


def _axes(plan: LayerPlan) -> int:
    return len(plan.input_shapes[0])


def _alone(plan: LayerPlan) -> dict[str, Fixed]:
    """torch has an offset only beside a scale."""
    if plan.attributes["center"] and not plan.attributes["scale"]:
        return {"weight": Fixed(1.0, "the bias alone is trained")}
    return {}


AFFINE: dict[str, Any] = {
    "affine": lambda plan: plan.attributes["scale"] or plan.attributes["center"],
    "bias": lambda plan: plan.attributes["center"] or not plan.attributes["scale"],
}


def _normalized(module: nn.Module, y: torch.Tensor) -> torch.Tensor:
    """With one value a channel, on which torch does not train: mean is the value, variance 0."""
    if not module.training or y.numel() != y.shape[1]:
        return module(y)  # type: ignore[no-any-return]
    with torch.no_grad():
        module.running_mean.lerp_(y.flatten().detach(), module.momentum)  # type: ignore[operator, arg-type, union-attr]
        module.running_var.mul_(1.0 - module.momentum)  # type: ignore[operator, union-attr]
    centred = y - y.mean(dim=0, keepdim=True)
    return nn.functional.batch_norm(
        centred, torch.zeros_like(module.running_mean), torch.zeros_like(module.running_var),  # type: ignore[arg-type]
        module.weight, module.bias, False, 0.0, module.eps,  # type: ignore[arg-type]
    )  # fmt: skip


def _unsupported(plan: LayerPlan) -> str | None:
    """torch has no more than three spatial axes."""
    return refuses_integers(plan) if _axes(plan) in _BY_AXES else f"torch has no batch norm for {_axes(plan)} axes"


BATCH_NORMALIZATION = Native(
    lambda plan: _BY_AXES[_axes(plan)],
    {
        "num_features": length("moving_mean", 0),
        "eps": "epsilon",
        "momentum": lambda plan: round(1.0 - plan.attributes["momentum"], 12),  # the weight of the new value
        **AFFINE,
    },
    {
        "gamma": Tie("weight"),
        "beta": Tie("bias"),
        "moving_mean": Tie("running_mean"),
        "moving_variance": Tie("running_var"),
    },
    positional=1,
    fixed=_alone,
    layout=FIRST,
    runner=_normalized,
    unsupported=_unsupported,
)

# -- LayerNormalization ------------------------------------------------------------------------------------------------------


def _trailing(plan: LayerPlan) -> tuple[int, ...]:
    return tuple(range(_axes(plan) - len(plan.attributes["axes"]), _axes(plan)))


def _lengths(plan: LayerPlan) -> Any:
    lengths = [plan.input_shapes[0][axis] for axis in plan.attributes["axes"]]
    return lengths[0] if len(lengths) == 1 else lengths


def _moved(layer: Any, native: Any, x: Any) -> Any:
    """torch normalizes trailing axes."""
    order = [*(axis for axis in range(len(x.shape)) if axis not in layer.axes), *layer.axes]
    back = [order.index(axis) for axis in range(len(order))]
    return ops.transpose(native(ops.transpose(x, order)), back)


LAYER_NORMALIZATION = Native(
    "nn.LayerNorm",
    {
        "normalized_shape": _lengths,
        "eps": "epsilon",
        "elementwise_affine": AFFINE["affine"],
        "bias": AFFINE["bias"],
    },
    {"gamma": Tie("weight"), "beta": Tie("bias")},
    positional=1,
    fixed=_alone,
    function="torch.layer_norm({x}, {normalized_shape}, {weight}, {bias}, {eps})",
    call=_moved,
    outputs=lambda plan, x: Output("y", TensorSpec(x.shape, plan.dtype)),
    unsupported=refuses_integers,
    direct=lambda plan: plan.attributes["axes"] == _trailing(plan),
)

ROWS: dict[type, Native] = {BatchNormalization: BATCH_NORMALIZATION, LayerNormalization: LAYER_NORMALIZATION}
