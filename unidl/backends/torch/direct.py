"""torch's function instead of its module's call, and an activation in the memory of its result: where nobody can tell.

The way through nn.Module.__call__ and the lookup of each parameter is Python that the function does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from unidl import ops
from unidl.ops.op import Op

# the modules whose function is known here -> their forward as torch wrote it, and how many parameters they have (None counts)
_OWN: Mapping[type[nn.Module], tuple[Any, int]] = {
    nn.Linear: (nn.Linear.forward, 2),
    nn.Embedding: (nn.Embedding.forward, 1),
    nn.Conv2d: (nn.Conv2d.forward, 2),
    nn.ConvTranspose2d: (nn.ConvTranspose2d.forward, 2),
    nn.LayerNorm: (nn.LayerNorm.forward, 2),
    nn.MaxPool2d: (nn.MaxPool2d.forward, 0),
    nn.Flatten: (nn.Flatten.forward, 0),
}


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
        or module._compiled_call_impl is not None
        or _has_any_global_hook()
    )


def untouched(module: nn.Module, own: type[nn.Module]) -> bool:
    """Whether a module is torch's own, with its own parameters, and nobody would see what goes in or comes out."""
    forward, parameters = _OWN[own]
    return (
        type(module) is own
        and own.forward is forward
        and len(module._parameters) == parameters  # not where the user put a tensor in a parameter's place
        and unobserved(module)
    )


def plain(x: torch.Tensor) -> bool:
    """Whether a tensor is torch's very own and no compiler looks on: those are shown the module that stands there."""
    return type(x) is torch.Tensor and not torch.compiler.is_compiling()


# activations whose gradient torch takes from their result, so that what they were applied to need not be kept
IN_PLACE: dict[Any, Callable[[torch.Tensor], torch.Tensor]] = {
    ops.identity: lambda y: y,
    ops.relu: torch.relu_,
    ops.sigmoid: torch.sigmoid_,
    ops.tanh: torch.tanh_,
}


def in_place(layer: Any) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """The layer's activation, computed in the memory of what it is given; None where there is none that does."""
    activation = layer.activation
    return IN_PLACE.get(activation) if type(activation) is Op else None
