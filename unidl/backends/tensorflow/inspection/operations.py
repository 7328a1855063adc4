"""What TensorFlow is asked for while something runs: each operation, in which graph or at once, for which layer, in which lane."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import op_callbacks

from unidl.inspection.lane import Lane

Where = Callable[[], "str | None"]  # the path of the layer that is called now; None outside a model
GRADIENTS = ("gradient_tape/", "gradients/")  # how the names of the backward pass begin
FUNCTIONS = ("__inference_", "__forward_", "__backward_")  # how the names of traced functions begin


@dataclass(frozen=True)
class Ran:
    """An operation that was run at once.

    Args:
        op: Its kind.
        layer: The path of the layer that asked for it; None outside a model.
        lane: In which lane.
        inputs: The tensors that it read.
        outputs: The tensors that it made.
    """

    op: str
    layer: str | None
    lane: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]


@dataclass(eq=False)
class Recording:
    """What was seen.

    Args:
        where: See Where.
        lane: The mark that moves while a step runs.
        origins: (id of a graph, name of an operation in it) -> its layer and lane.
        graphs: id -> each graph that got an operation, in order.
        ran: What was run at once, in order.
        states: id of a variable's handle -> the name under which it was made.
        optimized: What became of each function that was run: the graph before and after, as the runtime tells.
    """

    where: Where
    lane: Lane
    origins: dict[tuple[int, str], tuple[str | None, str]] = field(default_factory=dict)
    graphs: dict[int, tf.Graph] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    states: dict[int, str] = field(default_factory=dict)
    optimized: list[Any] = field(default_factory=list)

    def __call__(
        self, op: Any, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None, graph: tf.Graph | None = None
    ) -> None:
        """One operation, as TensorFlow's callbacks tell of it."""
        layer = self.where()
        lane = self.lane.now if layer is None else self.lane.within_model()
        kind = _text(op)
        if graph is None:
            if kind == "VarHandleOp":
                self.states[id(outputs[0])] = _text(op_name).strip("/")
            self.ran.append(Ran(kind, layer, lane, tuple(inputs), tuple(outputs)))
            return
        self.graphs.setdefault(id(graph), graph)
        name = outputs[0].op.name if outputs else _text(op_name)
        self.origins[id(graph), name] = layer, lane

    def origin(self, operation: Any) -> tuple[str | None, str]:
        """The layer that asked for an operation of a graph, None where no layer did, and its lane."""
        layer, lane = self.origins.get((id(operation.graph), operation.name), (None, ""))
        if layer is None and operation.name.startswith(GRADIENTS):
            layer = self._forward_layer(operation.name)
        return layer, lane

    def _forward_layer(self, name: str) -> str | None:
        """The layer of a gradient: TensorFlow names it after the operation whose gradient it is."""
        parts = re.sub(r"_grad(?=/|$)", "", name).split("/")
        for first in (i for i, part in enumerate(parts) if part in ("gradient_tape", "gradients")):
            for last in range(len(parts), first + 1, -1):
                layer = self.scopes.get("/".join(parts[first + 1 : last]))
                if layer is not None:
                    return layer
        return None

    @functools.cached_property
    def scopes(self) -> dict[str, str]:
        """Name of each operation that a layer asked for, and of its scope -> the layer's path; to be asked for at the end."""
        named = [(name, layer) for (_, name), (layer, _) in self.origins.items() if layer]
        return {name.rpartition("/")[0]: layer for name, layer in named} | dict(named)

    @property
    def kernels(self) -> list[Ran]:
        """What a model or a step ran at once, its handling of variables left out."""
        return [r for r in self.ran if (r.layer is not None or r.lane) and not r.op.startswith(FUNCTIONS)]

    @property
    def calls(self) -> list[Ran]:
        """The functions that were called as a whole."""
        return [r for r in self.ran if r.op.startswith(FUNCTIONS)]

    @property
    def traces(self) -> int:
        """How many graphs were made that stand in no other and hold, at any depth, what a layer or a lane asked for."""
        asked = {graph for (graph, _), (layer, lane) in self.origins.items() if layer is not None or lane}
        return len({id(_top(self.graphs[graph], self.graphs)) for graph in asked})

    @property
    def program(self) -> tf.Graph | None:
        """The graph that was made: of those that stand in no other, the one with the most operations in it and below."""
        tops = [graph for graph in self.graphs.values() if not _stands_in(graph, self.graphs)]
        return max(tops, key=lambda top: sum(_stands_under(g, top) for g in self.graphs.values()), default=None)


def _top(graph: Any, graphs: Mapping[int, tf.Graph]) -> Any:
    while _stands_in(graph, graphs):
        graph = graph.outer_graph
    return graph


def _stands_in(graph: tf.Graph, graphs: Mapping[int, tf.Graph]) -> bool:
    return id(getattr(graph, "outer_graph", None)) in graphs


def _stands_under(graph: Any, top: tf.Graph) -> int:
    """The number of operations of a graph that stands in another, at any depth; 0 where it does not."""
    size = len(graph.get_operations())
    while graph is not None and graph is not top:
        graph = getattr(graph, "outer_graph", None)
    return 0 if graph is None else size


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


@contextmanager
def recording(where: Where, lane: Lane, optimized: bool = False) -> Iterator[Recording]:
    """Inside, what this thread asks TensorFlow for is recorded.

    Args:
        where: See Where.
        lane: See Recording.
        optimized: Whether the runtime is asked for the graphs that it made of functions which run for the first time.
    """
    seen = Recording(where, lane)
    runtime = context.context()
    runtime.ensure_initialized()
    if optimized:
        runtime.enable_graph_collection()
    op_callbacks.add_op_callback(seen)
    try:
        yield seen
    finally:
        op_callbacks.remove_op_callback(seen)
        if optimized:
            seen.optimized = list(runtime.export_run_metadata().function_graphs)
            runtime.disable_graph_collection()
