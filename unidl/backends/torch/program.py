"""From a plan to an nn.Module, and running it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from unidl.backends.lowering import Way, choose
from unidl.backends.torch.ambient import ambient, is_disturbed
from unidl.backends.torch.binding import add_child, bind_children, child_of, make_adapter, slots_of
from unidl.backends.torch.generator import its_turn, waits
from unidl.backends.torch.layers import LOWERINGS
from unidl.backends.torch.module import Adapter, call_adapter, in_mode
from unidl.backends.torch.native import fill_fixed
from unidl.backends.torch.weight import Slot
from unidl.description.plan import LayerPlan
from unidl.graph.nesting import is_nested


def build(plan: LayerPlan, *, device: torch.device, natives: Mapping[int, nn.Module]) -> nn.Module:
    """The module of a traced model; a shared layer is one module."""
    made = dict(natives)

    def make(part: LayerPlan) -> nn.Module:
        if id(part) not in made:
            made[id(part)] = _make(part)
        return made[id(part)]

    def _make(part: LayerPlan) -> nn.Module:
        lowering, _ = choose(LOWERINGS, "torch", part)
        if lowering is not None and part is not plan:
            # made on the meta device: torch's own initialization would draw from the user's generator for nothing
            with torch.device("meta"):
                module = lowering.make(part)
            module.to_empty(device=device)
            for tensor in (*module.parameters(), *module.buffers()):
                nn.init.zeros_(tensor)
            fill_fixed(lowering, part, module)
            return module
        adapter = make_adapter(part, device)
        reached = {key: child for key, child in part.children.items() if child.reached}
        for key, child in reached.items():
            add_child(adapter, key, make(child))
        bind_children(adapter, {key: choose(LOWERINGS, "torch", child)[0] for key, child in reached.items()})
        return adapter

    return make(plan)


def run(native: Adapter, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
    """Call the module in that mode; its own flag is as it was afterwards."""
    if is_disturbed():
        with ambient(f"A call of {native.plan.title}", device_of(native), "evaluation"):
            return _in_turn(native, args, kwargs, training)
    return _in_turn(native, args, kwargs, training)


def device_of(native: nn.Module) -> torch.device:
    """Where a module computes."""
    held: torch.Tensor | None = next(itertools.chain(native.parameters(), native.buffers()), None)
    return torch.device("cpu") if held is None else held.device


def _in_turn(native: Adapter, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
    if training and waits():  # it may draw
        with its_turn():
            return _run(native, args, kwargs, training)
    return _run(native, args, kwargs, training)


def _run(native: Adapter, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
    if native._compiled_call_impl is not None and is_nested():  # what torch.compile makes has no second derivative
        with in_mode(native, training):
            return native._call_impl(*args, **kwargs)
    if native.training == training:
        return call_adapter(native, args, kwargs)
    with in_mode(native, training):
        return native(*args, **kwargs)


def child(native: nn.Module, key: str) -> nn.Module:
    """The module under a key."""
    return child_of(native, key)


def lowered(plan: LayerPlan, native: nn.Module) -> Way:
    """Which module runs a layer, and why."""
    if isinstance(native, Adapter):
        return Way(type(native).__name__, "definition", choose(LOWERINGS, "torch", plan)[1])
    cls = type(native)
    own = next(
        (base for base in cls.__mro__ if base is not nn.Module and getattr(nn, base.__name__, None) is base), None
    )
    if own is None:
        return Way(f"{cls.__module__}.{cls.__qualname__}", "native")
    return Way(f"torch.nn.{own.__name__}", "native", "" if own is cls else f"{cls.__qualname__}, a subclass")


def slots(plan: LayerPlan, native: nn.Module) -> Mapping[str, Slot]:
    """The layer's own weights in its module."""
    return slots_of(plan, native, choose(LOWERINGS, "torch", plan)[0])


def set_trainable(plan: LayerPlan, native: nn.Module, trainable: bool) -> None:
    """Freeze or unfreeze one layer: requires_grad of its weights, and inference mode that `.train()` does not undo."""
    for name, slot in slots(plan, native).items():
        if plan.weights[name].trainable:
            slot.native.requires_grad_(trainable)
    native.unidl_frozen = not trainable  # type: ignore[assignment]
    native.training = trainable and native.training
