"""Outputs of inner layers: a new functional model over the same layers, so that the weights are shared."""

from __future__ import annotations

from typing import Any

from unidl.description.layer import Layer
from unidl.description.plan import Call, LayerPlan
from unidl.errors import NotPortableError
from unidl.graph.node import LayerCall, OpCall, Placeholder, WeightRead, map_nest, symbols
from unidl.graph.tensor import SymbolicTensor
from unidl.models.functional import Functional
from unidl.models.input import Input


class WeightOf(Layer):
    """A weight of another layer as a tensor, which a forward that is taken apart reads.

    Args:
        layer: The other layer.
        weight: The weight's name.
    """

    def __init__(self, layer: Layer, weight: str) -> None:
        self.layer = layer
        self.weight = weight

    def forward(self, x: Any) -> Any:
        """Anything -> the weight, in its canonical layout."""
        return getattr(self.layer, self.weight)


def outputs_at(plan: LayerPlan, paths: list[str]) -> Functional:
    """A model with the plan's inputs and {path: output} for each path (a list where the layer is called more than once).

    Raises:
        NotPortableError: The way to a path leads through Python branches on tensors, or through a layer that reads its own weights.
    """
    call = plan.calls[0]
    inputs = map_nest(_fresh, call.args[0] if len(call.args) == 1 and not call.kwargs else list(call.args))
    found: dict[str, list[Any]] = {path: [] for path in paths}
    _replay(plan, call, (inputs,) if len(call.args) == 1 else tuple(inputs), found)
    return Functional(inputs, {path: values[0] if len(values) == 1 else values for path, values in found.items()})


def _fresh(leaf: Any) -> Any:
    if not isinstance(leaf, SymbolicTensor):
        return leaf
    return Input(leaf.shape[1:], dtype=None if "float" in leaf.dtype else leaf.dtype)


def _replay(plan: LayerPlan, call: Call, args: tuple[Any, ...], found: dict[str, list[Any]]) -> Any:
    if plan.dynamic:
        raise NotPortableError(
            f"{plan.title} decides by the data which layers run, so an inner output has no fixed place.",
            fix="Return what you want to see from its forward.",
        )
    values: dict[int, Any] = {}
    _pair(call.args, args, values)

    def resolve(leaf: Any) -> Any:
        return values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf

    children = {id(child.layer): child for child in plan.children.values()}
    turn: dict[int, int] = {}
    for node in call.nodes:
        if isinstance(node, Placeholder):
            continue
        if isinstance(node, WeightRead) and node.layer is not plan.layer:
            _pair(node.outputs, WeightOf(node.layer, node.name)(next(symbols(args))), values)
            continue
        if isinstance(node, WeightRead):
            raise NotPortableError(
                f"{plan.title} reads its own weight {node.name!r}, so what goes on inside it cannot be taken out.",
                expected="paths that lead through models whose forward only calls layers and ops",
                fix="Return what you want to see from its forward.",
            )
        new_args, new_kwargs = map_nest(resolve, (node.args, node.kwargs))
        if isinstance(node, OpCall):
            result = node.op(*new_args, **new_kwargs)
        elif isinstance(node, LayerCall):
            child = children[id(node.layer)]
            number = turn[id(child)] = turn.get(id(child), -1) + 1
            if any(path.startswith(f"{child.path}/") for path in found):
                result = _replay(child, child.calls[min(number, len(child.calls) - 1)], new_args, found)
            else:
                result = child.layer(*new_args, **new_kwargs)
            if child.path in found:
                found[child.path].append(result)
        _pair(node.outputs, result, values)
    return map_nest(resolve, call.outputs)


def _pair(old: Any, new: Any, values: dict[int, Any]) -> None:
    for a, b in zip(symbols(old), symbols(new), strict=True):
        values[id(a)] = b
