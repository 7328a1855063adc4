"""Activation, ReLU, Softmax: torch's own modules, one for each activation that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl import ops
from unidl.backends.lowering import refuses_integers
from unidl.description.plan import LayerPlan
from unidl.layers import Activation, ReLU, Softmax
from unidl.native.row import Native

# torch's modules that compute unidl's activations, and their arguments
MODULES: dict[Callable[..., Any], tuple[str, dict[str, Any]]] = {
    ops.elu: ("nn.ELU", {}),
    ops.gelu: ("nn.GELU", {}),
    ops.gelu_tanh: ("nn.GELU", {"approximate": "tanh"}),
    ops.hard_sigmoid: ("nn.Hardsigmoid", {}),
    ops.hard_silu: ("nn.Hardswish", {}),
    ops.identity: ("nn.Identity", {}),
    ops.leaky_relu: ("nn.LeakyReLU", {"negative_slope": 0.01}),
    ops.log_sigmoid: ("nn.LogSigmoid", {}),
    ops.log_softmax: ("nn.LogSoftmax", {"dim": -1}),
    ops.mish: ("nn.Mish", {}),
    ops.relu: ("nn.ReLU", {}),
    ops.relu6: ("nn.ReLU6", {}),
    ops.selu: ("nn.SELU", {}),
    ops.sigmoid: ("nn.Sigmoid", {}),
    ops.silu: ("nn.SiLU", {}),
    ops.softmax: ("nn.Softmax", {"dim": -1}),
    ops.softsign: ("nn.Softsign", {}),
    ops.tanh: ("nn.Tanh", {}),
}


def _unsupported(plan: LayerPlan) -> str | None:
    """A function of the user's, and what torch means differently."""
    activation = plan.attributes["activation"]
    if activation is ops.softplus:
        return "torch.nn.Softplus is the identity above 20"
    if activation is ops.hard_sigmoid and plan.dtype == "float64":
        return "torch.nn.Hardsigmoid rounds to float32 inside"
    return refuses_integers(plan) if activation in MODULES else "torch has no module for this function"


def _nested(plan: LayerPlan) -> str | None:
    """What torch differentiates once only."""
    hard = plan.attributes["activation"] is ops.hard_sigmoid
    return "torch.nn.Hardsigmoid has no second derivative" if hard else None


ROWS: dict[type, Native] = {
    Activation: Native(
        lambda plan: MODULES[plan.attributes["activation"]][0],
        lambda plan: MODULES[plan.attributes["activation"]][1],
        unsupported=_unsupported,
        nested=_nested,
        written=False,
    ),
    ReLU: Native("nn.ReLU", written=False),
    Softmax: Native("nn.Softmax", {"dim": "axis"}, unsupported=refuses_integers, written=False),
}
