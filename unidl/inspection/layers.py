"""The graph "layers": the framework's own objects, one for each layer, joined as the description joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unidl.description.plan import Call, LayerPlan
from unidl.graph.node import LayerCall, Placeholder, leaves, symbols
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor
from unidl.inspection.graph import Edge, Graph, Node

ROOT = "(model)"  # the node of the model itself, whose path is ""
Describe = Callable[[LayerPlan, Any], tuple[str, Mapping[str, Any]]]
Sources = dict[str, TensorSpec]  # id of a node -> what comes from there


def layers_graph(plan: LayerPlan, natives: Mapping[int, Any], title: str, describe: Describe, note: str = "") -> Graph:
    """One node for each layer with the object that runs it; holders before what they hold.

    An edge is a tensor that a layer makes and another reads, whatever operations lie between. A shared layer is one node, with
    the edges of all its calls. Where Python decides what runs, they are the edges of one of the ways.

    Args:
        plan: The model's plan.
        natives: id of a plan -> its native object.
        title: See Graph.
        describe: (plan, native) -> the node's op, in the framework's words, and its details.
        note: See Graph.
    """
    parents: dict[int, str] = {}
    for part in plan.walk():
        for child in part.children.values():
            parents.setdefault(id(child), node_id(part))
    inputs = list(symbols((plan.calls[-1].args, plan.calls[-1].kwargs)))
    names = ["input" if len(inputs) == 1 else f"input {i + 1}" for i in range(len(inputs))]
    nodes = [Node(name, "input", name, outputs=(t.spec,)) for name, t in zip(names, inputs, strict=True)]
    for part in plan.walk():
        if part.reached:
            op, details = describe(part, natives[id(part)])
            outputs = tuple(t.spec for call in part.calls[-1:] for t in symbols(call.outputs))
            nodes.append(
                Node(node_id(part), op, part.path or part.kind, part.path, "", parents.get(id(part), ""), outputs, details)
            )  # fmt: skip
    nodes.append(Node("output", "output", "output", outputs=tuple(t.spec for t in symbols(plan.calls[-1].outputs))))
    flow = _Flow(plan)
    flow.sources.update({id(t): {name: t.spec} for name, t in zip(names, inputs, strict=True)})
    flow.through(plan.calls[-1])
    flow.read(plan.calls[-1].outputs, "output")
    edges = tuple(Edge(source, target, spec) for (source, target), spec in flow.edges.items())
    return Graph("layers", title, tuple(nodes), edges, note)


def node_id(plan: LayerPlan) -> str:
    """The id of a layer's node: its path."""
    return plan.path or ROOT


class _Flow:
    """Follows tensors from layer to layer."""

    def __init__(self, plan: LayerPlan) -> None:
        self.plans = {id(part.layer): part for part in plan.walk()}
        self.sources: dict[int, Sources] = {}  # id of a symbolic tensor -> the layers whose outputs are in it
        self.edges: dict[tuple[str, str], TensorSpec] = {}

    def through(self, call: Call) -> None:
        """All nodes of a call, and of the calls inside it."""
        for node in call.nodes:
            if isinstance(node, Placeholder):
                continue
            if isinstance(node, LayerCall):
                self._layer(node)
            else:
                found = self._of((node.args, node.kwargs))
                self.sources.update({id(t): found for t in symbols(node.outputs)})

    def read(self, nest: Any, target: str) -> None:
        """A node reads the tensors of a nest."""
        for source, spec in self._of(nest).items():
            self.edges.setdefault((source, target), spec)

    def _of(self, nest: Any) -> Sources:
        return {source: spec for t in symbols(nest) for source, spec in self.sources.get(id(t), {}).items()}

    def _layer(self, node: LayerCall) -> None:
        part = self.plans[id(node.layer)]
        inside = any(child.reached for child in part.children.values())
        if not inside:
            self.read((node.args, node.kwargs), node_id(part))
            self.sources.update({id(t): {node_id(part): t.spec} for t in symbols(node.outputs)})
            return
        outer, inner = leaves((node.args, node.kwargs)), leaves((node.call.args, node.call.kwargs))
        for given, placeholder in zip(outer, inner, strict=True):
            if isinstance(given, SymbolicTensor):
                self.sources[id(placeholder)] = self.sources.get(id(given), {})
        self.through(node.call)
        for seen, made in zip(symbols(node.outputs), symbols(node.call.outputs), strict=True):
            self.sources[id(seen)] = self.sources.get(id(made), {})
