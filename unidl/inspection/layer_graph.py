"""The graph of a model's layers, from its description: the same on every backend, and before any."""

from __future__ import annotations

from dataclasses import dataclass, field

from unidl.description.plan import Call, LayerPlan
from unidl.description.trace import Tracer
from unidl.graph.node import LayerCall, OpCall, symbols
from unidl.graph.spec import TensorSpec
from unidl.inspection.graph import Edge, Graph, Node
from unidl.models import Model
from unidl.models.input import to_specs

INPUT, OUTPUT = "input", "output"
Sources = dict[int, tuple[str, ...]]  # id of a symbolic tensor -> the nodes that it comes from


def layer_graph(model: Model) -> Graph:
    """The layers, what goes between them, and the ops that stand beside them in a forward.

    Args:
        model: Built, or one that knows its inputs (a functional model, a Sequential that begins with an Input).

    Raises:
        NotBuiltError: It is neither.
    """
    inputs = model.inputs()
    if model.is_built or not inputs:
        plan = model._need_built().plan
    else:
        plan = Tracer().trace(model, to_specs(inputs, "float32"), {})
    drawn = _Drawn()
    call = plan.calls[0]
    given = list(symbols((call.args, call.kwargs)))
    arrive: Sources = {}
    for number, tensor in enumerate(given):
        name = INPUT if len(given) == 1 else f"{INPUT} {number + 1}"
        drawn.nodes[name] = Node(name, "unidl.Input", name, outputs=(tensor.spec,))
        arrive[id(tensor)] = (name,)
    leave = _follow(plan, call, arrive, drawn)
    made = list(symbols(call.outputs))
    drawn.nodes[OUTPUT] = Node(OUTPUT, OUTPUT, OUTPUT, outputs=tuple(tensor.spec for tensor in made))
    for tensor in made:
        drawn.connect(leave.get(id(tensor), ()), OUTPUT, tensor.spec)
    note = "The data decides what runs: this is one of the ways." if plan.is_dynamic else ""
    return Graph("layers", f"The layers of {model.name}", tuple(drawn.nodes.values()), tuple(drawn.edges), note)


@dataclass
class _Drawn:
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def connect(self, sources: tuple[str, ...], target: str, spec: TensorSpec) -> None:
        for source in sources:
            edge = Edge(source, target, spec)
            if edge not in self.edges:
                self.edges.append(edge)


def _follow(plan: LayerPlan, call: Call, arrive: Sources, drawn: _Drawn) -> Sources:
    """Draw what a layer that holds others does in one call; returns where each of its tensors comes from."""
    known = dict(arrive)
    children = {id(child.layer): child for child in plan.children.values() if child.reached}
    seen: dict[str, int] = {}
    for node in call.nodes:
        sources = tuple(dict.fromkeys(source for tensor in node.inputs for source in known.get(id(tensor), ())))
        made = list(symbols(node.outputs))
        if isinstance(node, LayerCall):
            child = children[id(node.layer)]
            known |= _call(child, node, known, drawn)
        elif isinstance(node, OpCall) and sources:
            seen[node.op.name] = seen.get(node.op.name, 0) + 1
            name = "/".join(part for part in (plan.path, f"{node.op.name}:{seen[node.op.name]}") if part)
            outputs = tuple(tensor.spec for tensor in made)
            drawn.nodes[name] = Node(name, f"ops.{node.op.name}", node.op.name, plan.path, "", plan.path, outputs)
            for tensor in node.inputs:
                drawn.connect(known.get(id(tensor), ()), name, tensor.spec)
            known |= {id(tensor): (name,) for tensor in made}
    return known


def _call(plan: LayerPlan, node: LayerCall, known: Sources, drawn: _Drawn) -> Sources:
    """Draw one call of a sublayer; returns where its outputs come from."""
    made = list(symbols(node.outputs))
    parent = plan.path.rpartition("/")[0]
    while parent and parent not in drawn.nodes:  # "blocks/0" lies in the root: "blocks" is a list
        parent = parent.rpartition("/")[0]
    specs = tuple(tensor.spec for tensor in made)
    again = plan.path in drawn.nodes
    drawn.nodes.setdefault(plan.path, Node(plan.path, plan.kind, plan.path, plan.path, "", parent, specs))
    call = plan.calls[0] if len(plan.calls) == 1 else None  # what is called from several places stays closed
    if call is None or again or not any(isinstance(step, LayerCall) for step in call.nodes):
        for tensor in node.inputs:
            drawn.connect(known.get(id(tensor), ()), plan.path, tensor.spec)
        return {id(tensor): (plan.path,) for tensor in made}
    outside, inside = node.inputs, list(symbols((call.args, call.kwargs)))
    arrive = {id(to): known.get(id(tensor), ()) for tensor, to in zip(outside, inside, strict=True)}
    leave = _follow(plan, call, arrive, drawn)
    ends = list(symbols(call.outputs))
    return {id(tensor): leave.get(id(end), ()) for tensor, end in zip(made, ends, strict=True)}
