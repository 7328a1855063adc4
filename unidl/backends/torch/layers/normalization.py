"""BatchNormalization and LayerNormalization: torch's own modules on channels-first views."""

from __future__ import annotations

import torch
from torch import nn

from unidl.backends.lowering import Lowering, refuses_integers
from unidl.backends.torch.direct import instead_of
from unidl.backends.torch.layers.core import dtype_of
from unidl.backends.torch.weight import Slot
from unidl.description.plan import LayerPlan
from unidl.layers import BatchNormalization, LayerNormalization

# -- BatchNormalization ------------------------------------------------------------------------------------------------------

_BY_AXES = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def refuses_batch_normalization(plan: LayerPlan) -> str | None:
    """torch has an offset only beside a scale, and no more than three spatial axes."""
    layer: BatchNormalization = plan.layer  # type: ignore[assignment]
    if layer.center and not layer.scale:
        return "torch's batch norms have no offset without a scale"
    if len(plan.input_shapes[0]) not in _BY_AXES:
        return f"torch has no batch norm for {len(plan.input_shapes[0])} axes"
    return refuses_integers(plan)


def make_batch_normalization(plan: LayerPlan) -> nn.Module:
    """torch's momentum is the weight of the new value."""
    layer: BatchNormalization = plan.layer  # type: ignore[assignment]
    return _BY_AXES[len(plan.input_shapes[0])](
        plan.weights["moving_mean"].shape[0],
        eps=layer.epsilon,
        momentum=1.0 - layer.momentum,
        affine=layer.scale,
        bias=layer.center,
        dtype=dtype_of(plan),
    )


def call_batch_normalization(layer: BatchNormalization, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """(batch, ..., channels) -> the same shape."""
    y = x.movedim(-1, 1)  # (batch, channels, ...), a view
    if module.training and y.numel() == y.shape[1]:
        return _one_value(module, y).movedim(1, -1)
    return module(y).movedim(1, -1)


def _one_value(module: nn.Module, y: torch.Tensor) -> torch.Tensor:
    """One value a channel, which torch refuses to train on: mean is the value, variance 0."""
    with torch.no_grad():
        module.running_mean.lerp_(y.flatten().detach(), module.momentum)  # type: ignore[operator, arg-type, union-attr]
        module.running_var.mul_(1.0 - module.momentum)  # type: ignore[operator, union-attr]
    centred = y - y.mean(dim=0, keepdim=True)
    return nn.functional.batch_norm(
        centred, torch.zeros_like(module.running_mean), torch.zeros_like(module.running_var),  # type: ignore[arg-type]
        module.weight, module.bias, False, 0.0, module.eps,  # type: ignore[arg-type]
    )  # fmt: skip


def batch_normalization_slots(plan: LayerPlan, module: nn.Module) -> dict[str, Slot]:
    """weight, bias, running_mean, running_var."""
    names = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    return {name: Slot(module, names[name]) for name in plan.weights}


# -- LayerNormalization ------------------------------------------------------------------------------------------------------


def refuses_layer_normalization(plan: LayerPlan) -> str | None:
    """torch has an offset only beside a scale."""
    layer: LayerNormalization = plan.layer  # type: ignore[assignment]
    if layer.center and not layer.scale:
        return "torch.nn.LayerNorm has no offset without a scale"
    return refuses_integers(plan)


def make_layer_normalization(plan: LayerPlan) -> nn.LayerNorm:
    """Over trailing axes; the call moves others there."""
    layer: LayerNormalization = plan.layer  # type: ignore[assignment]
    lengths = [plan.input_shapes[0][axis] for axis in plan.attributes["axes"]]
    return nn.LayerNorm(lengths, layer.epsilon, layer.scale, bias=layer.center, dtype=dtype_of(plan))


def call_layer_normalization(layer: LayerNormalization, module: nn.LayerNorm, x: torch.Tensor) -> torch.Tensor:
    """(batch, ..., units) -> the same shape."""
    trailing = tuple(range(x.ndim - len(layer.axes), x.ndim))
    if layer.axes == trailing:
        return module(x)
    return module(x.movedim(layer.axes, trailing)).movedim(trailing, layer.axes)


@instead_of(call_layer_normalization, nn.LayerNorm, parameters=2)
def layer_normalization(layer: LayerNormalization, module: nn.LayerNorm, within: None, x: torch.Tensor) -> torch.Tensor:
    if layer.axes != tuple(range(x.ndim - len(layer.axes), x.ndim)):
        return call_layer_normalization(layer, module, x)
    own = module._parameters
    return torch.layer_norm(x, module.normalized_shape, own["weight"], own["bias"], module.eps)


def layer_normalization_slots(plan: LayerPlan, module: nn.LayerNorm) -> dict[str, Slot]:
    """weight and bias."""
    names = {"gamma": "weight", "beta": "bias"}
    return {name: Slot(module, names[name]) for name in plan.weights}


TABLE: dict[type, Lowering] = {
    BatchNormalization: Lowering(
        make_batch_normalization, call_batch_normalization, batch_normalization_slots, refuses_batch_normalization
    ),
    LayerNormalization: Lowering(
        make_layer_normalization, call_layer_normalization, layer_normalization_slots, refuses_layer_normalization
    ),
}
