"""The inputs of a layer's call as the parameters of the code."""

from __future__ import annotations

import inspect
from typing import Any

from unidl.codegen.code import Value
from unidl.description.plan import Call, LayerPlan
from unidl.graph.node import leaves
from unidl.graph.tensor import SymbolicTensor


def inputs_of(plan: LayerPlan, call: Call) -> dict[str, Any]:
    """The inputs of a call that hold tensors, by the parameters' names; those that `*args` takes one by one."""
    kinds = {name: p.kind for name, p in inspect.signature(type(plan.layer).forward).parameters.items()}
    found: dict[str, Any] = {}
    for name, value in plan.arguments(call).items():
        if kinds[name] is inspect.Parameter.VAR_POSITIONAL:
            one = len(value) == 1
            found |= {"x" if one else f"{name}_{i + 1}": item for i, item in enumerate(value)}
        elif kinds[name] is inspect.Parameter.VAR_KEYWORD:
            found |= value
        else:
            found[name] = value
    return {name: value for name, value in found.items() if any(_is_tensor(leaf) for leaf in leaves(value))}


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, (SymbolicTensor, Value))
