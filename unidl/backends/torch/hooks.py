"""Whether anybody would see that a module was not called."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.module import _has_any_global_hook


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
