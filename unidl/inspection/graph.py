"""A graph as a framework has it: nodes in its own words, each with the layer of the description that it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unidl.graph.spec import TensorSpec

LANES = ("forward", "loss", "backward", "update")


@dataclass(frozen=True)
class Node:
    """One thing in a graph.

    Args:
        id: Its name, unique in the graph.
        op: What it is, in the framework's own words: "MatMul", "keras.layers.Dense", "AddmmBackward0", "torch.nn.Linear".
        label: What a picture writes on it.
        layer: Structural path of the layer that it comes from ("conv2d", "blocks/0"), the same in every framework: it links the
            pictures. "" where there is none.
        lane: One of LANES in the graph of a training step; "" else.
        parent: Id of the node that holds it (a module, a function, the body of a loop); "" at the top.
        outputs: Shape and dtype of each tensor that it makes.
        details: What else the framework knows of it: attributes, parameters, the line of code. JSON values.
    """

    id: str
    op: str
    label: str = ""
    layer: str = ""
    lane: str = ""
    parent: str = ""
    outputs: tuple[TensorSpec, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """A tensor that goes from one node to another.

    Args:
        source: Id of the node that makes it.
        target: Id of the node that reads it.
        tensor: Its shape and dtype; None where it is no tensor (an order that is enforced).
        kind: "data", "control" (only the order), "state" (a variable is read or written), "gradient".
    """

    source: str
    target: str
    tensor: TensorSpec | None = None
    kind: str = "data"


@dataclass(frozen=True)
class Graph:
    """A picture of a program.

    Args:
        name: What it is called in an Inspection: "layers", "graph", "optimized", "autograd", "step".
        title: One line: what this shows.
        nodes: In an order in which they may run, holders before what they hold.
        edges: Between them.
        note: What a reader has to know of it; "" if nothing.
    """

    name: str
    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    note: str = ""

    def counts(self) -> dict[str, int]:
        """How many nodes there are of each op, most first."""
        found: dict[str, int] = {}
        for node in self.nodes:
            found[node.op] = found.get(node.op, 0) + 1
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def difference(self, other: Graph) -> dict[tuple[str, str], tuple[int, int]]:
        """What one of two graphs has more of: (layer, op) -> how many here, how many there."""
        here = Counter((node.layer, node.op) for node in self.nodes)
        there = Counter((node.layer, node.op) for node in other.nodes)
        return {key: (here[key], there[key]) for key in here | there if here[key] != there[key]}
