"""The graph of a model's layers as a tree of characters."""

from __future__ import annotations

from rich.tree import Tree

from unidl.graph.spec import TensorSpec
from unidl.inspection.graph import Graph
from unidl.inspection.layer_graph import OUTPUT
from unidl.terminal import plain
from unidl.visible import visible


def tree(graph: Graph) -> Tree:
    """The graph for a terminal: what lies in what, and where each thing's input comes from unless it is what stands above."""
    sources: dict[str, list[str]] = {}
    for edge in graph.edges:
        sources.setdefault(edge.target, []).append(edge.source)
    shown = Tree(plain(f"{graph.title}{'. ' + graph.note if graph.note else ''}"))
    branches = {"": shown}
    before: str | None = None
    for node in graph.nodes:
        line = plain(node.label, style="bold")
        if node.op not in (OUTPUT, "unidl.Input"):
            line.append(f"  {visible(node.op)}" if node.op != f"ops.{node.label}" else "  op", style="not bold")
        line.append(f"  {', '.join(_shape(spec) for spec in node.outputs)}", style="not bold dim")
        given = sources.get(node.id, [])
        if given and given != [before]:
            line.append(visible(f"  ← {', '.join(given)}"), style="not bold")
        branches[node.id] = branches[node.parent].add(line)
        if given or before is None:  # what holds others takes nothing itself
            before = node.id
    return shown


def _shape(spec: TensorSpec) -> str:
    return "(" + ", ".join("·" if axis is None else str(axis) for axis in spec.shape) + ")"
