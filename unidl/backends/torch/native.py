"""How torch runs a row: the module is made, called and filled as the row says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import nn

from unidl.backends.lowering import Lowering
from unidl.backends.torch.fast_path import outputs, torch_class
from unidl.backends.torch.weight import TiedSlot, view_of
from unidl.description.plan import LayerPlan
from unidl.errors import FileError
from unidl.native.row import FIRST, Native


@dataclass(frozen=True, kw_only=True)
class RowLowering(Lowering):
    """The lowering that follows from a row.

    Args:
        row: The row.
    """

    row: Native

    def of(self, plan: LayerPlan) -> RowLowering:
        """Without the row's `call`, where the module alone computes the layer."""
        return lowering_of(self.row, self.row.is_direct(plan))


@cache
def lowering_of(row: Native, direct: bool = False) -> RowLowering:
    """How torch runs the layers of a row.

    Args:
        row: The row.
        direct: Whether the module and the activation are the whole call.
    """
    return RowLowering(
        make=partial(make, row),
        call=partial(call, row, None if direct else row.call),
        slots=partial(slots, row),
        refuses=row.refuses_to_run,
        absorb=partial(absorb, row),
        nested=row.nested,
        keeps=row.keeps,
        row=row,
    )


def make(row: Native, plan: LayerPlan) -> nn.Module:
    """The module of a layer; images' kernels are stored channels-last, and what is fixed takes no gradient."""
    cls = row.runs_as(plan) or torch_class(row.class_of(plan))
    typed = {"dtype": getattr(torch, plan.dtype)} if row.weights else {}
    module = cls(**row.given(plan), **typed)
    for name in row.fixed_in(plan):
        module.get_parameter(name).requires_grad_(False)
    return module.to(memory_format=torch.channels_last) if row.layout == FIRST else module


def fill_fixed(lowering: Lowering, plan: LayerPlan, module: nn.Module) -> None:
    """Write the constants that are no weights of the layer."""
    if isinstance(lowering, RowLowering):
        with torch.no_grad():
            for name, fixed in lowering.row.fixed_in(plan).items():
                module.get_parameter(name).fill_(fixed.value)


def call(row: Native, written: Any, layer: Any, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """The layer's outputs, computed with its module."""
    y = outputs(row, written, layer, module, *args, **kwargs)
    return getattr(layer, row.activation)(y) if row.activation else y


def slots(row: Native, plan: LayerPlan, module: nn.Module) -> Mapping[str, TiedSlot]:
    """The layer's own weights in the module."""
    return {
        name: TiedSlot(module, first, plan.weights[name].shape)
        for name, (first, *_) in row.ties(plan).items()
        if name in plan.weights
    }


def reads_of(row: Native, plan: LayerPlan) -> dict[str, tuple[tuple[str, ...], Callable[[torch.Tensor], torch.Tensor]]]:
    """For each weight the attributes that lead to its tensor, and the view of it."""
    return {
        name: (tuple(first.native.split(".")), view_of(first, plan.weights[name].shape))
        for name, (first, *_) in row.ties(plan).items()
        if name in plan.weights
    }


def absorb(row: Native, plan: LayerPlan, module: nn.Module) -> None:
    """Fold tensors that are no weights of the layer, and that somebody else trained, into those that are.

    Raises:
        FileError: One cannot be folded, and has another value than the layer's.
    """
    constants = dict(row.fixed_in(plan))
    with torch.no_grad():
        for name, (first, *others) in row.ties(plan).items():
            slot = TiedSlot(module, first, plan.weights[name].shape)
            for other in others:
                slot.write(slot.read() + TiedSlot(module, other, plan.weights[name].shape).read())
                module.get_parameter(other.native).fill_(constants.pop(other.native).value)
        for name, fixed in constants.items():
            if not bool((module.get_parameter(name) == fixed.value).all()):
                raise FileError(
                    f"The tensor {name!r} of {plan.title} is no weight of the layer, and its elements are not all {fixed.value}.",
                    expected=f"{fixed.value} everywhere",
                    fix="Describe the layer with this weight, or write the constant into the file.",
                )
