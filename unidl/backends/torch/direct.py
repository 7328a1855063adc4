"""torch's function instead of its module's call, and an activation in the memory of its result: where nobody can tell.

The way through nn.Module.__call__ and the lookup of each parameter is Python that the function does not need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as of_all

from unidl import ops
from unidl.ops.op import Op

Activation = Callable[[torch.Tensor], torch.Tensor]

# who listens to every module; torch keeps these four for good and fills them
_PRE, _POST = of_all._global_forward_pre_hooks, of_all._global_forward_hooks
_BACKWARD_PRE, _BACKWARD = of_all._global_backward_pre_hooks, of_all._global_backward_hooks


def unobserved(module: nn.Module) -> bool:
    """Whether a module has no hook, no forward of its own, and is not compiled: nothing happens between its call and forward.

    nn.Module.__call__ asks nearly the same of itself.
    """
    state = module.__dict__
    return not (
        state["_forward_hooks"]
        or state["_forward_pre_hooks"]
        or state["_backward_hooks"]
        or state["_backward_pre_hooks"]
        or "forward" in state
        or state.get("_compiled_call_impl") is not None
        or _PRE
        or _POST
        or _BACKWARD_PRE
        or _BACKWARD
    )


@dataclass(frozen=True)
class Function:
    """What a lowering computes, without its module's call.

    Args:
        compute: `compute(layer, module, within, x, **named)` -> y; `within` is an activation to apply in the memory of y, or None.
        module: The module's class; one of another class is called.
        forward: The class' forward, as it was written.
        parameters: How many the module has (None counts); fewer where the user put a tensor in a parameter's place.
    """

    compute: Callable[..., torch.Tensor]
    module: type[nn.Module]
    forward: Any
    parameters: int


# the call of a lowering -> its function
FUNCTIONS: dict[Callable[..., Any], Function] = {}


def instead_of(call: Callable[..., Any], module: type[nn.Module], parameters: int) -> Callable[[Any], Any]:
    """The function below computes what a lowering's call does with a module of that class which is as torch made it."""

    def add(compute: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        FUNCTIONS[call] = Function(compute, module, module.forward, parameters)
        return compute

    return add


# activations whose gradient torch takes from their result, so that what they were applied to need not be kept
_IN_PLACE: dict[Any, Activation] = {ops.relu: torch.relu_, ops.sigmoid: torch.sigmoid_, ops.tanh: torch.tanh_}


def split(activation: Any) -> tuple[Activation | None, Activation | None]:
    """An activation as what is applied in the memory of what it is given, and what comes after: one of them, or neither."""
    if activation is None or activation is ops.identity:
        return None, None
    within = _IN_PLACE.get(activation) if type(activation) is Op else None
    return within, activation if within is None else None
