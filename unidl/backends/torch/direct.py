"""torch's function instead of its module's call, and an activation in the memory of its result: where nobody can tell.

The way through nn.Module.__call__ and the lookup of each parameter cost a small layer more than its arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from unidl import ops
from unidl.ops.op import Op

_FORWARDS: Mapping[type[nn.Module], Any] = {
    cls: cls.forward
    for cls in (nn.Linear, nn.Embedding, nn.Conv2d, nn.ConvTranspose2d, nn.LayerNorm, nn.MaxPool2d, nn.Flatten)
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
    """Whether a module is torch's own, and nobody would see what goes in or comes out."""
    return type(module) is own and own.forward is _FORWARDS[own] and unobserved(module)


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
