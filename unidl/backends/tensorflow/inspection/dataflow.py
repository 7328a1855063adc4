"""TensorFlow's data-flow graph as a Graph: operations, the tensors between them, and the functions in them as holders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.autograph.impl import api as autograph
from tensorflow.python.autograph.pyct import origin_info
from tensorflow.python.framework.auto_control_deps_utils import RESOURCE_READ_OPS

import unidl
from unidl.graph.spec import DTYPES, TensorSpec, is_float
from unidl.inspection.graph import Edge, Graph, Node

Origin = Callable[[Any], "tuple[str | None, str]"]  # operation -> the layer that asked for it, and the lane
Resources = Mapping[int, str]  # id of a tensor that is a variable's handle -> the variable's node

INSIDE = ">"  # between a holder's name and a name in it
VARIABLE = "Variable"
FUNCTION = "Function"
INPUTS = ("Placeholder", "_Arg")
ALIASES = ("Enter", "Exit", "Identity", "Merge", "NextIteration", "Switch", "_Retval")  # hand a variable on
WRITTEN = ("forward", "loss")  # lanes of what a user's code may ask for
# what TensorFlow adds to the backward pass between gradients: their sums, and zeros for those that nobody sent
FILLERS = ("AddN", "Const", "Fill", "OnesLike", "ZerosLike")
SMALL = 8  # constants of so many numbers are told

# attributes that say what the tensors say already, or nothing that a reader asks for
DULL = re.compile(
    r"_.*|T|T\w+|U|N|dtype|DstT|SrcT|out_type|Index|.*_mask|shape|use_cudnn_on_gpu|parallel_iterations|explicit_paddings"
    r"|num_host_args|num_args|leakyrelu_alpha|filter_format|output_shapes|validate_shape|use_locking|handle_\w+|index"
    r"|batch_dims|allowed_devices|debug_name|shared_name|container|user_specified_name|grad_[abxy]|\w*shape_type"
)


class Variables:
    """The variables that graphs read and write, each one node wherever it is captured.

    Args:
        owners: id of a variable's handle -> (the variable, the path of its layer, its name).
        made: id of a handle -> the name under which it was made while somebody watched (an optimizer's states).
        paths: The paths of all layers.
    """

    def __init__(
        self, owners: Mapping[int, tuple[Any, str, str]], made: Mapping[int, str], paths: Iterable[str]
    ) -> None:
        self.owners = owners
        self.made = made
        self.paths = set(paths)
        self.nodes: dict[str, Node] = {}

    def captured(self, graph: Any) -> dict[int, str]:
        """The placeholders of a program's graph that stand for variables -> their nodes."""
        own = {id(variable.handle): variable for variable in graph.variables}
        return {
            id(placeholder): self._node(outer, own.get(id(outer)), placeholder)
            for outer, placeholder in graph.captures
            if placeholder.dtype == tf.resource
        }

    def _node(self, handle: Any, variable: Any, placeholder: Any) -> str:
        owned = self.owners.get(id(handle))
        if owned is not None:
            variable, layer, name = owned
        else:
            name = self.made.get(id(handle), placeholder.op.name) if variable is None else variable.name
            name = re.sub(r":\d+$", "", name).removeprefix("while/")  # a Trainer's loop is no part of it
            layer = layer_of(name, self.paths)
        node = f"variable {name}"
        if node not in self.nodes:
            outputs: tuple[TensorSpec, ...] = ()
            details: dict[str, Any] = {}
            if variable is not None:
                outputs = specs_of([variable])
                details = {"trainable": bool(variable.trainable)}
            self.nodes[node] = Node(node, VARIABLE, name, layer, outputs=outputs, details=details)
        return node


class Dataflow:
    """Reads graphs.

    Args:
        origin: See Origin.
        variables: What the placeholders of resources stand for.
    """

    def __init__(self, origin: Origin, variables: Variables) -> None:
        self.origin = origin
        self.variables = variables
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def graph(self, name: str, title: str, note: str = "") -> Graph:
        """What was read; variables first."""
        used = {end for edge in self.edges for end in (edge.source, edge.target)}
        known = [node for node in self.variables.nodes.values() if node.id in used]
        placed = _placed({node.id: node for node in (*known, *self.nodes)}, self.edges)
        edges = tuple(_told(edge, placed) for edge in dict.fromkeys(self.edges))
        return Graph(name, title, tuple(placed.values()), edges, note)

    def read(self, graph: Any, resources: Resources, holder: str = "", above: tuple[str, str] = ("", "")) -> None:
        """One graph, and those of the functions in it.

        Args:
            graph: Of the program, or of a function.
            resources: Its placeholders that are variables.
            holder: The node that holds it.
            above: Layer and lane of that.
        """
        prefix = f"{holder}{INSIDE}" if holder else ""
        for operation in graph.get_operations():
            if not _is_drawn(operation, resources):
                continue
            layer, lane = self.origin(operation)
            layer = above[0] if layer is None else layer
            lane = lane or above[1]
            node = prefix + operation.name
            label = operation.name.rpartition("/")[2]
            details = details_of(operation, lane in WRITTEN)
            self.nodes.append(
                Node(node, operation.type, label, layer, lane, holder, specs_of(operation.outputs), details)
            )
            for read in operation.inputs:
                self._edge(operation, read, prefix, node, resources)
            for before in operation.control_inputs:
                self.edges.append(Edge(prefix + before.name, node, None, "control"))
            for place, inner in functions_of(operation):
                body = f"{node}{INSIDE}{place}"
                name = re.sub(r"_\d+$", "", inner.name)  # the number counts what the process made
                self.nodes.append(Node(body, FUNCTION, f"{place}: {name}", layer, lane, node))
                self.read(inner, passed(operation, inner, resources), body, (layer, lane))

    def _edge(self, operation: Any, read: Any, prefix: str, node: str, resources: Resources) -> None:
        variable = resources.get(id(read))
        if variable is None:
            self.edges.append(Edge(prefix + read.op.name, node, next(iter(specs_of([read])), None)))
        elif not functions_of(operation):  # what is inside reads it, not the holder
            value = next(iter(self.variables.nodes[variable].outputs), None)
            if operation.type != "AssignVariableOp":
                self.edges.append(Edge(variable, node, value, "state"))
            if operation.type not in RESOURCE_READ_OPS and operation.type not in ALIASES:
                self.edges.append(Edge(node, variable, value, "state"))


def _is_drawn(operation: Any, resources: Resources) -> bool:
    """Whether it is no placeholder of a variable, which is drawn as the variable, and none that nobody reads."""
    if operation.type in INPUTS and any(id(output) in resources for output in operation.outputs):
        return False
    return operation.type != "Placeholder" or "redundant_placeholder" not in operation.name


def functions_of(operation: Any) -> list[tuple[str, Any]]:
    """The graphs of the functions in an operation (the branches of an If, condition and body of a While), with their places."""
    found = []
    for place, value in operation.node_def.attr.items():
        named = [value.func] if value.HasField("func") else list(value.list.func)
        for number, function in enumerate(named):
            inner = getattr(operation.graph._get_function(function.name), "graph", None)
            if inner is not None:
                found.append((place if len(named) == 1 else f"{place} {number}", inner))
    order = ("cond", "body", "then_branch", "else_branch")
    return sorted(found, key=lambda item: order.index(item[0]) if item[0] in order else len(order))


def passed(operation: Any, inner: Any, resources: Resources) -> dict[int, str]:
    """The placeholders of a function's graph that are given variables by the operation that calls it."""
    given = list(operation.inputs)[-len(inner.inputs) :] if inner.inputs else []
    pairs = zip(given, inner.inputs, strict=True)
    return {id(placeholder): resources[id(outer)] for outer, placeholder in pairs if id(outer) in resources}


# -- layers and lanes that only the neighbours tell --------------------------------------------------------------------------


def layer_of(name: str, paths: Iterable[str]) -> str:
    """The layer whose path a name begins with, the longest one; "" if none."""
    known, parts = set(paths), name.split("/")
    ways = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((way for way in ways if way in known), "")


def _placed(nodes: dict[str, Node], edges: Iterable[Edge]) -> dict[str, Node]:
    """An optimizer's kernel is of the layer whose variable it steps; what nobody asked for is where it is read."""
    reads: dict[str, list[str]] = {}
    for edge in edges:
        source, target = nodes.get(edge.source), nodes.get(edge.target)
        if source is None or target is None:
            continue
        if edge.kind == "state":
            variable, kernel = (source, target) if source.op == VARIABLE else (target, source)
            if kernel.lane == "update" and not kernel.layer:
                nodes[kernel.id] = replace(kernel, layer=variable.layer)
        if edge.kind == "data":
            reads.setdefault(edge.source, []).append(edge.target)
    for name in reversed(list(nodes)):
        node = nodes[name]
        readers = [nodes[reader] for reader in reads.get(name, ()) if reader in nodes]
        if node.op == VARIABLE or not readers:
            continue
        if node.op == "Placeholder" and not node.lane and len({reader.lane for reader in readers}) == 1:
            node = replace(node, lane=readers[0].lane)
        filler = node.lane == "update" or (node.op in FILLERS and node.lane == "backward")
        passed_in = node.op == "Placeholder" and node.parent
        if (filler or passed_in) and not node.layer and len({reader.layer for reader in readers}) == 1:
            node = replace(node, layer=readers[0].layer)
        nodes[name] = node
    return nodes


def _told(edge: Edge, nodes: Mapping[str, Node]) -> Edge:
    """A real tensor that comes out of the backward pass is a gradient."""
    source = nodes.get(edge.source)
    backward = source is not None and source.lane == "backward" and edge.kind == "data"
    gradient = backward and edge.tensor is not None and is_float(edge.tensor.dtype)
    return replace(edge, kind="gradient") if gradient else edge


# -- details -----------------------------------------------------------------------------------------------------------------


def details_of(operation: Any, written: bool) -> dict[str, Any]:
    """The attributes that matter; for what a user wrote, the line of the user's code."""
    told: dict[str, Any] = {}
    for name in sorted(operation.node_def.attr):
        value = operation.node_def.attr[name]
        if name == "value" and operation.type == "Const":
            told |= _constant(value.tensor)
        elif not DULL.fullmatch(name) and not value.HasField("func") and not value.list.func:
            plain = _plain(operation.get_attr(name))
            if plain is not None:
                told[name] = plain
    line = _line(operation) if written else None
    return told | ({"code": line} if line else {})


def _constant(proto: Any) -> dict[str, Any]:
    value = tf.make_ndarray(proto)
    told = value.size <= SMALL and value.dtype.kind in "biuf"
    return {"value": value.tolist()} if told else {"numbers": int(value.size)}


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


_OWN = str(Path(unidl.__file__).parent)
_LIBRARIES = (_OWN, str(Path(tf.__file__).parent), "/keras/", "/numpy/", "importlib", "contextlib", "functools.py")


def _line(operation: Any) -> str | None:
    """The line in a user's forward or training_step that asked for an operation: code that unidl called."""
    frames = [(Path(frame.filename), frame.lineno) for frame in operation.traceback or ()]
    called = next((i for i, (path, _) in enumerate(frames) if str(path).startswith(_OWN)), len(frames))
    for path, number in reversed(frames[called:]):
        if path.name.startswith("__autograph_generated_file"):
            found = _before_autograph(path, number)
            if found is not None:
                return found
        elif not any(library in str(path) for library in _LIBRARIES):
            return f"{path.name}:{number}"
    return None


def _before_autograph(path: Path, number: int) -> str | None:
    """The line that AutoGraph rewrote: whoever it made code for keeps a map of it."""
    place = origin_info.LineLocation(str(path), number)
    for kinds in list(autograph._TRANSPILER._cache._cache.values()):
        for made in kinds.values():
            origin = (made.source_map or {}).get(place)
            if origin is not None:
                return f"{Path(origin.loc.filename).name}:{origin.loc.lineno}"
    return None


def specs_of(tensors: Iterable[Any]) -> tuple[TensorSpec, ...]:
    """Shape and dtype of those that are numbers of a known rank."""
    return tuple(_known(tensors))


def _known(tensors: Iterable[Any]) -> Iterator[TensorSpec]:
    for tensor in tensors:
        if tensor.dtype.name in DTYPES and tensor.shape.rank is not None:
            yield TensorSpec(tuple(tensor.shape), tensor.dtype.name)
