"""Names for a model's input tensors, as its native program and its exports call them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.models.model import Model


def input_names(plan: LayerPlan, taken: Iterable[str] = (), form: Callable[[str], str] = str) -> list[str]:
    """One for each tensor: a dict's keys, the names given to unidl.Input, or forward's parameters where there are several.

    Args:
        plan: The model's.
        taken: Names that may not be used; a number is put behind one that is.
        form: A name that the framework or format takes, near the user's.
    """
    args = plan.calls[-1].args
    described = list(symbols(plan.layer.inputs())) if isinstance(plan.layer, Model) else []
    parameters = list(inspect.signature(type(plan.layer).forward).parameters)[1:]
    if len(args) == 1 and isinstance(args[0], dict):
        names = [str(key) for key, nest in args[0].items() for _ in symbols(nest)]
    elif len(args) > 1 and len(parameters) == len(args):
        names = [parameters[i] for i, nest in enumerate(args) for _ in symbols(nest)]
    elif len(described) == len(list(symbols(args))):
        names = [tensor.unidl_node.name for tensor in described]  # type: ignore[attr-defined]  # unidl.Input makes Placeholders
    else:
        names = ["input" for _ in symbols(args)]
    return numbered((form(name or "input") for name in names), taken)


def numbered(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names, a number behind each that was there before or is taken."""
    used = set(taken)
    found = []
    for name in names:
        number = 1
        while (free := name if number == 1 else f"{name}_{number}") in used:
            number += 1
        used.add(free)
        found.append(free)
    return found
