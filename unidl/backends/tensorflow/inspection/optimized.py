"""What TensorFlow's graph optimizer (Grappler) made of a program: the graph that really runs, and what was fused, folded, removed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from unidl.backends.tensorflow.inspection.dataflow import ALIASES, INSIDE, Dataflow, Variables
from unidl.inspection.graph import Graph

# how the runtime runs If and While: they are taken apart into these
CONTROL = ("Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch")
TAKEN_APART = ("Case", "If", "StatelessCase", "StatelessIf", "StatelessWhile", "While")
ENDS = ("_Arg", "_Retval")


class Optimized:
    """The graph before and after.

    Args:
        told: What the runtime told of its functions; the largest is the program.
        program: The program's graph, whose inputs are the function's.
        picture: What was made of it, for layers and lanes.
        variables: What the program's placeholders stand for.
    """

    def __init__(self, told: Iterable[Any], program: Any, picture: Graph, variables: Variables) -> None:
        self.told = max(told, key=lambda one: len(list(_nodes(one.pre_optimization_graph))))
        self.program = program
        self.variables = variables
        self.known = {node.id.rpartition(INSIDE)[2]: (node.layer, node.lane) for node in picture.nodes}

    def graph(self) -> Graph:
        """The graph "optimized"."""
        made = tf.Graph()
        with made.as_default():
            tf.graph_util.import_graph_def(self.told.post_optimization_graph, name="")
        reader = Dataflow(lambda operation: self._origin(operation.name), self.variables)
        reader.read(made, self._resources(made))
        summary = self.summary()
        control = f", {summary['control']} of them for control flow" if summary["control"] else ""
        title = (
            f"The graph that runs, after Grappler: {summary['before']} operations became {summary['after']}{control}"
        )
        note = (
            "If and While are taken apart into Switch, Merge, Enter, Exit and NextIteration, as the runtime runs them."
        )
        return reader.graph("optimized", title, note if summary["control"] else "")

    def summary(self) -> dict[str, Any]:
        """What was done, as JSON: counts before and after, and names."""
        given = [node for node in _nodes(self.told.pre_optimization_graph) if node.op not in ENDS]
        before = {node.name: node.op for node in given}  # names in functions may be those of others: one of them counts
        after = {node.name: node for node in self.told.post_optimization_graph.node if node.op not in ENDS}
        origin = {name: _base(name, before) for name in after}
        pairs = [(base, before[base], after[name]) for name, base in origin.items() if base is not None]
        met = {base for base, _, _ in pairs}
        fused = {
            base: [node.op.removeprefix("_Fused"), *[op.decode() for op in node.attr["fused_ops"].list.s]]
            for base, op, node in pairs
            if node.op != op and node.attr["fused_ops"].list.s
        }
        return {
            "before": len(given),
            "after": len(after),
            "fused": fused,
            "folded": sorted(base for base, op, node in pairs if node.op == "Const" != op),
            "rewritten": {
                base: f"{op} -> {node.op}"
                for base, op, node in pairs
                if node.op not in (op, "Const", *CONTROL) and base not in fused and op not in TAKEN_APART
            },
            "removed": dict(Counter(op for name, op in before.items() if name not in met).most_common()),
            "added": dict(
                Counter(
                    after[n].op for n, base in origin.items() if base is None and after[n].op not in CONTROL
                ).most_common()
            ),
            "control": sum(node.op in CONTROL for node in after.values()),
        }

    def _origin(self, name: str) -> tuple[str | None, str]:
        base = _base(name, self.known)
        return (None, "") if base is None else self.known[base]

    def _resources(self, made: Any) -> dict[int, str]:
        """The tensors that are variables: arguments, and what hands them on into loops."""
        captured = self.variables.captured(self.program)
        found: dict[int, str] = {}
        for operation in made.get_operations():
            if operation.type == "_Arg" and operation.outputs[0].dtype == tf.resource:
                place = self.program.inputs[operation.get_attr("index")]
                if id(place) in captured:
                    found[id(operation.outputs[0])] = captured[id(place)]
            elif operation.type in ALIASES:
                node = next((found[id(read)] for read in operation.inputs if id(read) in found), None)
                if node is not None:
                    found.update({id(output): node for output in operation.outputs if output.dtype == tf.resource})
        return found


def _nodes(graph: Any) -> Iterable[Any]:
    """The nodes of a graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _base(name: str, known: Mapping[str, Any]) -> str | None:
    """The name that an operation had: taken out of its loop or branch it has the place before it ("while/body/_9/bn/Reshape")."""
    parts = name.split("/")
    ways = ("/".join(parts[first:]) for first in range(len(parts)))
    found = next((way for way in ways if way in known), None)
    return found if found == name or re.search(r"/_\d+/", name) else None
