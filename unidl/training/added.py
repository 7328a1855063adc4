"""Losses that the layers of a model add, beside the loss that is minimized."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl import ops
from unidl.description.added import gathering
from unidl.graph.spec import dtype_name
from unidl.models.model import Model


def adding_layers(part: Model) -> frozenset[int]:
    """The ids of the layers in a model that add losses."""
    return frozenset(id(plan.layer) for plan in part._need_built().plan.walk() if plan.adds_loss)


def gathered(function: Callable[[], Any], layers: frozenset[int]) -> tuple[Any, Any]:
    """What a function returns, and the sum of what these layers add in it; None where they add nothing."""
    with gathering() as found:
        returned = function()
    total = None
    for layer, value in found:
        if id(layer) in layers:
            total = value if total is None else ops.add(total, value)
    return returned, total


def plus(value: Any, added: Any) -> tuple[Any, Any]:
    """A loss and what was added, in its dtype, to it, and that alone; 0 where it is None."""
    if added is None:
        return value, ops.zeros_like(value)
    added = ops.cast(added, dtype_name(value.dtype))
    return ops.add(value, added), added
