"""Which layers of a model compute the same on inputs of the same shapes, so that one of them is timed for all."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from unidl.description.plan import Call, LayerPlan
from unidl.graph.node import LayerCall, OpCall, Placeholder, WeightRead, leaves, map_nest
from unidl.graph.tensor import SymbolicTensor

PLAIN = (type(None), bool, int, float, complex, str, bytes)


def likeness(plan: LayerPlan) -> Hashable:
    """Equal for two layers that run the same operations on tensors of the same shapes and dtypes; their weights' values may differ.

    It may differ between layers that are alike all the same: where Python asks for a tensor's value, or a function of the user's is an
    argument, nobody knows.
    """
    if plan.dynamic or any(call.asked for call in plan.calls):
        return id(plan)
    return (
        type(plan.layer),
        plan.dtype,
        plan.random,
        plan.layer._unidl.frozen,
        tuple((name, _value(value)) for name, value in plan.attributes.items()),
        tuple((w.name, w.shape, w.dtype, w.trainable) for w in plan.weights.values()),
        tuple((key, likeness(child)) for key, child in plan.children.items() if child.reached),
        tuple(_call(plan, call) for call in plan.calls),
    )


def _call(plan: LayerPlan, call: Call) -> Hashable:
    """The graph of a call: each step's operation, and where its inputs come from."""
    steps = {id(node): index for index, node in enumerate(call.nodes)}
    keys = {id(child.layer): key for key, child in plan.children.items()}

    def leaf(value: Any) -> Hashable:
        if not isinstance(value, SymbolicTensor):
            return _value(value)
        node = value.unidl_node
        made = next(i for i, output in enumerate(leaves(node.outputs)) if output is value)
        return steps.get(id(node), -1), made, value.shape, value.dtype

    def step(node: Any) -> Hashable:
        what: Hashable = ""
        if isinstance(node, OpCall):
            what = node.op.name
        elif isinstance(node, LayerCall):
            what = keys.get(id(node.layer), id(node.layer))
        elif isinstance(node, WeightRead):
            what = (node.name, keys.get(id(node.layer), "" if node.layer is plan.layer else id(node.layer)))
        inputs = None if isinstance(node, Placeholder) else _nest((node.args, node.kwargs), leaf)
        return (
            type(node),
            what,
            inputs,
            _nest(node.outputs, lambda t: (t.shape, t.dtype) if hasattr(t, "shape") else _value(t)),
        )

    return tuple(map(step, call.nodes)), _nest((call.args, call.kwargs, call.outputs), leaf)


def _nest(nest: Any, function: Any) -> Hashable:
    return _frozen(map_nest(function, nest))


def _frozen(nest: Any) -> Hashable:
    """A nested structure that can be compared and hashed."""
    if isinstance(nest, dict):
        return tuple((key, _frozen(value)) for key, value in nest.items())
    return (type(nest).__name__, *map(_frozen, nest)) if isinstance(nest, (list, tuple)) else nest


def _value(value: Any) -> Hashable:
    """An argument: a plain value by its value, an object of unidl's by what it holds, anything else by which object it is."""
    if isinstance(value, PLAIN):
        return type(value), repr(value)  # NaN is itself here, and 1 is not True
    if isinstance(value, (list, tuple, dict)):
        return _nest(value, _value)
    if type(value).__module__.partition(".")[0] == "unidl" and hasattr(value, "__dict__"):
        return type(value), _nest({name: held for name, held in vars(value).items() if name != "_unidl"}, _value)
    return id(value)
