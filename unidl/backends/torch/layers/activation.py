"""Activation, ReLU, Softmax: torch's own modules, one for each activation that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from unidl import ops
from unidl.backends.lowering import Lowering, refuses_integers
from unidl.backends.torch.layers.core import call_module
from unidl.description.plan import LayerPlan
from unidl.layers import Activation, ReLU, Softmax

# torch's modules that compute unidl's activations
MODULES: dict[Callable[..., Any], Callable[[], nn.Module]] = {
    ops.elu: nn.ELU,
    ops.gelu: nn.GELU,
    ops.gelu_tanh: lambda: nn.GELU(approximate="tanh"),
    ops.hard_sigmoid: nn.Hardsigmoid,
    ops.hard_silu: nn.Hardswish,
    ops.identity: nn.Identity,
    ops.leaky_relu: lambda: nn.LeakyReLU(0.01),
    ops.log_sigmoid: nn.LogSigmoid,
    ops.log_softmax: lambda: nn.LogSoftmax(dim=-1),
    ops.mish: nn.Mish,
    ops.relu: nn.ReLU,
    ops.relu6: nn.ReLU6,
    ops.selu: nn.SELU,
    ops.sigmoid: nn.Sigmoid,
    ops.silu: nn.SiLU,
    ops.softmax: lambda: nn.Softmax(dim=-1),
    ops.softsign: nn.Softsign,
    ops.tanh: nn.Tanh,
}


def refuses_activation(plan: LayerPlan) -> str | None:
    """A function of the user's, and what torch means differently."""
    layer: Activation = plan.layer  # type: ignore[assignment]
    if layer.activation is ops.softplus:
        return "torch.nn.Softplus is the identity above 20"
    if layer.activation is ops.hard_sigmoid and plan.dtype == "float64":
        return "torch.nn.Hardsigmoid rounds to float32 inside"
    if layer.activation not in MODULES:
        return "torch has no module for this function"
    return refuses_integers(plan)


def nested_activation(plan: LayerPlan) -> str | None:
    """What torch differentiates once only."""
    layer: Activation = plan.layer  # type: ignore[assignment]
    return "torch.nn.Hardsigmoid has no second derivative" if layer.activation is ops.hard_sigmoid else None


def make_activation(plan: LayerPlan) -> nn.Module:
    """The module of that function."""
    layer: Activation = plan.layer  # type: ignore[assignment]
    return MODULES[layer.activation]()


def make_relu(plan: LayerPlan) -> nn.ReLU:
    """Not in place: the input belongs to another layer."""
    return nn.ReLU()


def make_softmax(plan: LayerPlan) -> nn.Softmax:
    """The same axis."""
    layer: Softmax = plan.layer  # type: ignore[assignment]
    return nn.Softmax(dim=layer.axis)


TABLE: dict[type, Lowering] = {
    Activation: Lowering(make_activation, call_module, refuses=refuses_activation, nested=nested_activation),
    ReLU: Lowering(make_relu, call_module),
    Softmax: Lowering(make_softmax, call_module, refuses=refuses_integers),
}
