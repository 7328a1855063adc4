"""What TensorFlow does while a program runs: the graph that it traced, or the kernels that it ran at once, and what became of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import tensorflow as tf

from unidl.backends.tensorflow.inspection.compiler import compiled
from unidl.backends.tensorflow.inspection.dataflow import Dataflow, Variables, functions_of, passed, specs_of
from unidl.backends.tensorflow.inspection.operations import Recording, recording
from unidl.backends.tensorflow.inspection.optimized import CONTROL, Optimized
from unidl.backends.tensorflow.inspection.timing import kernels
from unidl.inspection.graph import LANES, Edge, Graph, Node
from unidl.inspection.inspection import Event
from unidl.inspection.picture import Picture
from unidl.inspection.timing import Timing
from unidl.inspection.watched import Watched

NO_KERNEL = (
    "Const",
    "NoOp",
    "Placeholder",
    "_Arg",
    "_Retval",
    "Variable",
    "Function",
    *CONTROL,
)  # do nothing of their own
IN_LOOP = (
    "A Trainer takes many steps in one call: this is the body of a tf.while_loop. What has no lane takes the batch out of the data, "
    "adds to the metrics, or goes on in the loop."
)


def watch(watched: Watched) -> Picture:
    """The graphs of one run: as traced, as optimised, as XLA compiles it; or what ran at once, where nothing was traced.

    Args:
        watched: Must not have run before, or its functions are there already and nothing is seen.
    """
    with recording(watched.where, watched.lane, optimized=True) as seen:
        watched.run()
    if seen.program is None:
        return Picture((_at_once(seen, watched),), facts={"traces": 0, "kernels": len(seen.kernels)})
    variables = Variables(
        {id(variable.handle): (variable, path, name) for variable, path, name in watched.owners},
        seen.states,
        watched.paths,
    )
    whole = _whole(seen, variables, watched)
    optimized = Optimized(seen.optimized, seen.program, whole, variables)
    graph, spent = _timed(optimized.graph(), *kernels(watched.run))
    traced = _body(seen, variables, watched) or whole
    graphs = [traced, graph]
    events = tuple(_lane(lane, traced, graph, spent) for lane in LANES) if watched.name == "step" else ()
    facts: dict[str, Any] = {
        "traces": seen.traces,
        "signature": _signature(seen.program),
        "operations": sum(_is_work(node) for node in whole.nodes),
        "kernels": sum(_is_work(node) for node in graphs[1].nodes),
        "functions": {node.label: _size(whole, node.id) for node in whole.nodes if node.op == "Function"},
        "variables": sum(node.op == "Variable" for node in whole.nodes),
        "grappler": optimized.summary(),
        "seconds": _by_layer(spent),
    }
    notes: list[str] = []
    if watched.function is not None:
        try:
            graph, facts["xla"] = compiled(watched.function, watched.tensors, watched.where)
            graphs.append(graph)
        except (tf.errors.OpError, ValueError) as error:
            notes.append(f"XLA does not compile it: {str(error).splitlines()[0][:300]}")
    return Picture(tuple(graphs), events, facts=facts, notes=tuple(notes))


def _timed(
    graph: Graph, taken: Mapping[str, list[float]], rounds: int
) -> tuple[Graph, dict[tuple[str, str | None], Timing]]:
    """The graph with the seconds of each kernel, and (lane, layer) -> seconds; a layer None is all of the lane."""
    runs: dict[tuple[str, str | None], list[float]] = {}
    nodes = []
    for node in graph.nodes:
        times = taken.get(node.id, [])
        if not times or len(times) % rounds:  # one that runs in one branch only has no figure for each run
            nodes.append(node)
            continue
        each = len(times) // rounds  # in a loop of the model's own a kernel runs more often: all of that is its time
        sums = [sum(times[i * each : (i + 1) * each]) for i in range(rounds)]
        nodes.append(replace(node, details={**node.details, "seconds": statistics.median(sums)}))
        for place in ((node.lane, node.layer), (node.lane, None)):
            before = runs.get(place, [0.0] * rounds)
            runs[place] = [a + b for a, b in zip(before, sums, strict=True)]
    return replace(graph, nodes=tuple(nodes)), {place: Timing.of(values) for place, values in runs.items()}


def _by_layer(spent: Mapping[tuple[str, str | None], Timing]) -> dict[str, dict[str, float]]:
    """Path of a layer -> lane -> seconds of its kernels in a run, as JSON."""
    found: dict[str, dict[str, float]] = {}
    for (lane, layer), timing in spent.items():
        if layer is not None and lane:
            found.setdefault(layer, {})[lane] = timing.median
    return found


def _lane(lane: str, step: Graph, optimized: Graph, spent: Mapping[tuple[str, str | None], Timing]) -> Event:
    traced, kept = (sum(node.lane == lane and _is_work(node) for node in graph.nodes) for graph in (step, optimized))
    return Event(
        "running", f"{lane}: {kept} kernels of {traced} operations that were traced", kept, spent.get((lane, None))
    )


def traces_in(watched: Watched) -> int:
    """How many programs are traced while it runs: graphs that hold a model's or a step's operations and stand in no other."""
    with recording(watched.where, watched.lane) as seen:
        watched.run()
    return seen.traces


def _signature(program: Any) -> list[str]:
    """What the program takes: "float32 (None, 4)"."""
    taken = [placeholder for placeholder in program.inputs if placeholder.dtype != tf.resource]
    return [f"{t.dtype.name} {'of any rank' if t.shape.rank is None else tuple(t.shape)}" for t in taken]


def _is_work(node: Node) -> bool:
    return node.op not in NO_KERNEL


def _size(graph: Graph, holder: str) -> int:
    return sum(node.parent == holder for node in graph.nodes)


def _whole(seen: Recording, variables: Variables, watched: Watched) -> Graph:
    """The program's graph from the top."""
    reader = Dataflow(seen.origin, variables)
    reader.read(seen.program, variables.captured(seen.program))
    return reader.graph(watched.name, watched.title)


def _body(seen: Recording, variables: Variables, watched: Watched) -> Graph | None:
    """The body of the loop in which a Trainer takes its steps; None for a model."""
    if watched.name != "step":
        return None
    program: Any = seen.program
    lanes = {graph for (graph, _), (_, lane) in seen.origins.items() if lane == "update"}
    for operation in program.get_operations():
        for place, inner in functions_of(operation):
            if place == "body" and id(inner) in lanes:
                reader = Dataflow(seen.origin, variables)
                reader.read(inner, passed(operation, inner, variables.captured(program)))
                return reader.graph(watched.name, watched.title, IN_LOOP)
    return None


def _at_once(seen: Recording, watched: Watched) -> Graph:
    """The kernels that ran one by one, in order."""
    makers: dict[int, str] = {}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for i, ran in enumerate(seen.kernels):
        name = f"{i + 1} {ran.op}"
        nodes.append(Node(name, ran.op, ran.op, ran.layer or "", ran.lane, outputs=specs_of(ran.outputs)))
        for read in ran.inputs:
            if id(read) in makers:
                edges.append(Edge(makers[id(read)], name, next(iter(specs_of([read])), None)))
        makers.update({id(made): name for made in ran.outputs})
    note = "Nothing was traced: each kernel was called from Python."
    return Graph(watched.name, watched.title, tuple(nodes), tuple(dict.fromkeys(edges)), note)
