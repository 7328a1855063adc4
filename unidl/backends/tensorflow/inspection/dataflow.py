"""TensorFlow's data-flow graph as a Graph: operations, the tensors between them, and the functions in them as holders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.auto_control_deps_utils import RESOURCE_READ_OPS

import unidl
from unidl.graph.spec import DTYPES, TensorSpec, is_float
from unidl.inspection.graph import Edge, Graph, Node

Origin = Callable[[Any], "tuple[str | None, str]"]  # operation -> the layer that asked for it, and the lane
Resources = Mapping[int, str]  # id of a tensor that is a variable's handle -> the variable's node

INSIDE = ">"  # between a holder's name and a name in it
VARIABLE = "Variable"
FUNCTION = "Function"
SMALL = 8  # constants of so many numbers are told

# attributes that say what the tensors say already, or nothing that a reader asks for
DULL = re.compile(
    r"_.*|T|T\w+|U|N|dtype|DstT|SrcT|out_type|Index|.*_mask|shape|use_cudnn_on_gpu|parallel_iterations"
    r"|data_format|explicit_paddings|dilations|num_host_args|num_args|leakyrelu_alpha|filter_format|output_shapes"
    r"|validate_shape|use_locking|handle_\w+|batch_dims|allowed_devices|debug_name|shared_name|container"
)


class Dataflow:
    """Reads a graph.

    Args:
        origin: See Origin.
        paths: Name of a variable -> path of its layer.
        names: id of a variable's handle -> the variable's name, for those that the graph does not know itself.
    """

    def __init__(self, origin: Origin, paths: Mapping[str, str], names: Mapping[int, str]) -> None:
        self.origin = origin
        self.paths = paths
        self.names = names
        self.variables: dict[str, Node] = {}
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def read(self, graph: Any, resources: Resources) -> None:
        """A graph at the top."""
        self._read(graph, resources, "", ("", ""))

    def graph(self, name: str, title: str, note: str = "") -> Graph:
        """What was read; variables first, each with the layer it belongs to, and every operation with its own."""
        nodes = [*self.variables.values(), *self.nodes]
        placed = _placed({node.id: node for node in nodes}, self.edges)
        edges = tuple(_told(edge, placed) for edge in dict.fromkeys(self.edges))
        return Graph(name, title, tuple(placed.values()), edges, note)

    # -- one graph -------------------------------------------------------------------------------------------------------

    def captured(self, graph: Any) -> dict[int, str]:
        """The placeholders of a function's graph that stand for variables."""
        own = {id(variable.handle): variable for variable in graph.variables}
        found: dict[int, str] = {}
        for outer, placeholder in graph.captures:
            if placeholder.dtype == tf.resource:
                found[id(placeholder)] = self._variable(own.get(id(outer)), self.names.get(id(outer), placeholder.op.name))
        return found

    def _variable(self, variable: Any, name: str) -> str:
        name = re.sub(r":\d+$", "", variable.name) if variable is not None else name.removeprefix("while/")
        node = f"variable {name}"
        if node not in self.variables:
            outputs, details = (), {}
            if variable is not None:
                outputs = _specs([variable])
                details = {"trainable": bool(variable.trainable), "device": variable.device}
            self.variables[node] = Node(
                node, VARIABLE, name, layer_of(name, self.paths) or "", outputs=outputs, details=details
            )
        return node

    def _read(self, graph: Any, resources: Resources, holder: str, above: tuple[str, str]) -> None:
        """One graph.

        Args:
            graph: Of a function, or of the program.
            resources: Its placeholders of variables.
            holder: The node that holds it.
            above: Layer and lane of that.
        """
        prefix = f"{holder}{INSIDE}" if holder else ""
        for operation in graph.get_operations():
            if len(operation.outputs) == 1 and id(operation.outputs[0]) in resources:
                continue  # it is drawn as the variable
            layer, lane = self.origin(operation)
            if layer is None:
                layer = above[0] if holder else ""
            node = prefix + operation.name
            details = details_of(operation)
            lane = lane or above[1]
            label = operation.name.rpartition("/")[2]
            self.nodes.append(Node(node, operation.type, label, layer, lane, holder, _specs(operation.outputs), details))
            for read in operation.inputs:
                self._edge(operation, read, prefix, node, resources)
            for before in operation.control_inputs:
                self.edges.append(Edge(prefix + before.name, node, None, "control"))
            for place, inner in functions_of(operation):
                body = f"{node}{INSIDE}{place}"
                self.nodes.append(Node(body, FUNCTION, f"{place}: {inner.name}", layer, lane, node))
                self._read(inner, _passed(operation, inner, resources), body, (layer, lane))

    def _edge(self, operation: Any, read: Any, prefix: str, node: str, resources: Resources) -> None:
        variable = resources.get(id(read))
        if variable is None:
            specs = _specs([read])
            self.edges.append(Edge(prefix + read.op.name, node, specs[0] if specs else None))
        elif not functions_of(operation):  # what is inside reads it, not the holder
            value = self.variables[variable].outputs if variable in self.variables else ()
            spec = value[0] if value else None
            if not operation.type.startswith("Assign") or operation.type != "AssignVariableOp":
                self.edges.append(Edge(variable, node, spec, "state"))
            if operation.type not in RESOURCE_READ_OPS:
                self.edges.append(Edge(node, variable, spec, "state"))


def functions_of(operation: Any) -> list[tuple[str, Any]]:
    """The graphs of the functions in an operation (the branches of an If, condition and body of a While), with their places."""
    found = []
    for place, value in operation.node_def.attr.items():
        named = [value.func] if value.HasField("func") else list(value.list.func)
        for number, function in enumerate(named):
            known = operation.graph._get_function(function.name)
            inner = getattr(known, "graph", None)
            if inner is not None:
                found.append((place if len(named) == 1 else f"{place} {number}", inner))
    return sorted(found, key=lambda item: item[0] != "cond")


def _passed(operation: Any, inner: Any, resources: Resources) -> dict[int, str]:
    """The placeholders of a function's graph that are given variables by the operation that calls it."""
    given = list(operation.inputs)[-len(inner.inputs) :] if inner.inputs else []
    pairs = zip(given, inner.inputs, strict=True)
    return {id(placeholder): resources[id(outer)] for outer, placeholder in pairs if id(outer) in resources}


# -- layers ------------------------------------------------------------------------------------------------------------------


def layer_of(name: str, paths: Mapping[str, str]) -> str | None:
    """The layer whose scope a name begins with; the longest one."""
    parts = name.split("/")
    for length in range(len(parts), 0, -1):
        found = paths.get("/".join(parts[:length]))
        if found is not None:
            return found
    return None


def _placed(nodes: dict[str, Node], edges: Iterable[Edge]) -> dict[str, Node]:
    """Nodes with the layer that only their neighbours tell: an optimizer's kernel by the variable that it steps, a constant by its reader."""
    reads: dict[str, list[str]] = {}
    for edge in edges:
        source, target = nodes.get(edge.source), nodes.get(edge.target)
        if source is None or target is None:
            continue
        if edge.kind == "state" and source.op == VARIABLE and target.lane == "update" and not target.layer and source.layer:
            nodes[edge.target] = replace(target, layer=source.layer)
        if edge.kind == "data":
            reads.setdefault(edge.source, []).append(edge.target)
    for name in reversed(list(nodes)):
        node = nodes[name]
        readers = [nodes[reader] for reader in reads.get(name, ())]
        if node.op == VARIABLE or not readers:
            continue
        if not node.lane and node.op in ("Const", "Placeholder") and len({r.lane for r in readers}) == 1:
            node = replace(node, lane=readers[0].lane)
        if not node.layer and node.lane in ("backward", "update") and len({r.layer for r in readers}) == 1:
            node = replace(node, layer=readers[0].layer)
        nodes[name] = node
    return nodes


def _told(edge: Edge, nodes: Mapping[str, Node]) -> Edge:
    """An edge that comes out of the backward pass is a gradient."""
    source = nodes.get(edge.source)
    gradient = source is not None and source.lane == "backward" and edge.tensor is not None and is_float(edge.tensor.dtype)
    return replace(edge, kind="gradient") if edge.kind == "data" and gradient else edge


# -- details -----------------------------------------------------------------------------------------------------------------


def details_of(operation: Any) -> dict[str, Any]:
    """The attributes that matter, the device where one is asked for, and the line of the user's code."""
    told: dict[str, Any] = {}
    for name in sorted(operation.node_def.attr):
        value = operation.node_def.attr[name]
        if name == "value" and operation.type == "Const":
            told |= _constant(value.tensor)
        elif not DULL.fullmatch(name) and not value.HasField("func") and not value.list.func:
            plain = _plain(operation.get_attr(name))
            if plain is not None:
                told[name] = plain
    line = _line(operation)
    return told | ({"line": line} if line else {})


def _constant(proto: Any) -> dict[str, Any]:
    value = tf.make_ndarray(proto)
    return {"value": value.tolist()} if value.size <= SMALL and value.dtype.kind in "biuf" else {"numbers": int(value.size)}


def _plain(value: Any) -> Any:
    """An attribute as JSON; None where it says nothing."""
    if isinstance(value, bytes):
        return value.decode(errors="replace") or None
    if isinstance(value, tf.DType):
        return value.name
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return items if items and None not in items else None
    return None


_LIBRARIES = tuple(str(Path(package.__file__).parent) for package in (unidl, tf, np)) + ("/keras/",)


def _line(operation: Any) -> str | None:
    """The line of the user's code that asked for an operation."""
    for frame in reversed(operation.traceback or ()):
        if not any(library in frame.filename for library in _LIBRARIES) and "importlib" not in frame.filename:
            return f"{Path(frame.filename).name}:{frame.lineno}"
    return None


def _specs(tensors: Iterable[Any]) -> tuple[TensorSpec, ...]:
    """Shape and dtype of those that are numbers of a known rank."""
    return tuple(_known(tensors))


def _known(tensors: Iterable[Any]) -> Iterator[TensorSpec]:
    for tensor in tensors:
        if tensor.dtype.name in DTYPES and tensor.shape.rank is not None:
            yield TensorSpec(tuple(tensor.shape), tensor.dtype.name)
