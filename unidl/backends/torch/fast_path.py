"""torch's function instead of its module's call, and an activation in the memory of its result: where nobody can tell.

The way through nn.Module.__call__ and the lookup of each parameter is Python that the function does not need.
"""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as of_all

from unidl import ops
from unidl.description.plan import LayerPlan
from unidl.native.row import FIRST, Native
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


# -- a row's function --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """What a row computes, without its module's call.

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


def through_views(module: Any, x: torch.Tensor, *args: Any, **named: Any) -> torch.Tensor:
    """A module that wants its channels first, called on (batch, ..., channels)."""
    return module(x.movedim(-1, 1), *args, **named).movedim(1, -1)  # type: ignore[no-any-return]


def outputs(row: Native, call: Any, layer: Any, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """What a row computes with its module, before the activation.

    Args:
        row: The row.
        call: Its `call`; None where the module alone is called.
        layer: The description, bound.
        module: The module.
        *args: The inputs.
        **kwargs: Likewise.
    """
    native: Any = module
    if row.runner is not None:
        native = partial(row.runner, module)
    if row.layout == FIRST:
        native = partial(through_views, native)
    return native(*args, **kwargs) if call is None else call(layer, native, *args, **kwargs)


# `compute` of a row: the function where the module's attributes are as the row implies
_WHOLE = """
def compute(layer, module, within, x{named}):
    if {implied}{no_more}:
        own = module._parameters
        y = {function}
        return {activated}{back}
    y = outputs(row, row.call, layer, module, x{passed})
    return y if within is None else within(y)
"""
_WITHIN_CALL = """
def run(module, x):
    if {implied}:
        own = module._parameters
        return {function}{back}
    return {called}

def compute(layer, module, within, *args, **named):
    y = row.call(layer, partial(run, module), *args, **named)
    return y if within is None else within(y)
"""
_MOVES = {  # rank -> to channels first, and back
    0: ("", ""),
    3: (".transpose(1, 2)", ".transpose(1, 2)"),
    4: (".permute(0, 3, 1, 2)", ".permute(0, 2, 3, 1)"),
    5: (".permute(0, 4, 1, 2, 3)", ".permute(0, 2, 3, 4, 1)"),
}


@cache
def computed(
    row: Native, parameters: tuple[str, ...], named: tuple[str, ...], more: bool, whole: bool, rank: int
) -> Any:
    """`compute` of a row that names a function.

    Args:
        row: The row.
        parameters: The module's parameters; other names in the function are attributes.
        named: The parameters of the layer's forward that the function takes.
        more: Whether forward has others.
        whole: Whether the function is the whole call.
        rank: Axes of the input of a module that wants its channels first, else 0.
    """
    there, back = _MOVES[rank]
    names = {name: f"module.{name}" for name in _names(row.function)}
    names |= {name: f'own["{name}"]' for name in names if name in parameters}
    names |= {"x": f"x{there}"} | {name: name for name in named}
    text = (_WHOLE if whole else _WITHIN_CALL).format(
        implied=" and ".join(f"module.{name} == {value!r}" for name, value in row.implied.items()) or "True",
        function=row.function.format_map(names),
        activated="(y if within is None else within(y))" if row.activation else "y",
        called="through_views(module, x)" if rank else "module(x)",
        no_more=" and not more" if more else "",
        named="".join(f", {name}=None" for name in named) + (", **more" if more else ""),
        passed="".join(f", {name}={name}" for name in named) + (", **more" if more else ""),
        back=back,
    )
    known: dict[str, Any] = {"F": nn.functional, "torch": torch, "row": row, "partial": partial}
    known |= {"outputs": outputs, "through_views": through_views}
    exec(compile(text, f"<the fast path of {row.function!r}>", "exec"), known)
    return known["compute"]


def _names(function: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(function) if name]


_parameters: dict[type[nn.Module], tuple[str, ...]] = {}


def function_of(row: Native, plan: LayerPlan, make: Callable[[LayerPlan], nn.Module]) -> Function | None:
    """What is called in the module's place; None where the row names no function.

    Args:
        row: The row.
        plan: The layer.
        make: Makes its module.
    """
    if not row.function:
        return None
    cls: type[nn.Module] = row.runs_as(plan) or torch_class(row.class_of(plan))
    if cls not in _parameters:
        with torch.device("meta"):
            _parameters[cls] = tuple(make(plan)._parameters)
    taken = [*inspect.signature(type(plan.layer).forward).parameters][2:]
    named = tuple(name for name in taken if name in _names(row.function))
    rank = len(plan.input_shapes[0]) if row.layout == FIRST and plan.calls else 0
    whole = bool(named) or row.is_direct(plan)
    compute = computed(row, _parameters[cls], named, len(taken) > len(named), whole, rank)
    return Function(compute, cls, cls.forward, len(_parameters[cls]))


def torch_class(name: str) -> type[nn.Module]:
    """torch's class that source code calls "nn.Linear"."""
    found: type[nn.Module] = getattr(nn, name.removeprefix("nn."))
    return found


# -- activations -------------------------------------------------------------------------------------------------------------

# activations whose gradient torch takes from their result, so that what they were applied to need not be kept
_IN_PLACE: dict[Any, Activation] = {ops.relu: torch.relu_, ops.sigmoid: torch.sigmoid_, ops.tanh: torch.tanh_}


def split(activation: Any) -> tuple[Activation | None, Activation | None]:
    """An activation as what is applied in the memory of what it is given, and what comes after: one of them, or neither."""
    if activation is None or activation is ops.identity:
        return None, None
    within = _IN_PLACE.get(activation) if type(activation) is Op else None
    return within, activation if within is None else None
