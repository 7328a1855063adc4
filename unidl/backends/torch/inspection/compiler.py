"""What torch.compile captures of a program, where it breaks and why it compiles anew.

Everything is captured as torch.compile does it, and the graphs are then run as they are: no kernel is generated, which would take
minutes and change none of this.
"""

from __future__ import annotations

import itertools
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import fx

from unidl.backends.torch.inspection.operations import Layers, spec_of
from unidl.backends.torch.module import Adapter
from unidl.graph.spec import TensorSpec
from unidl.inspection.graph import Edge, Graph, Node
from unidl.inspection.program import Trial

_NUMBER = re.compile(r"^\d+/\d+(_\d+)?: ")  # of a compilation
_TENSOR = re.compile(r"[\w.]+(?:\[[^\]]*\][\w.]*)*_(?:parameters|buffers)\['\w+'\]")  # how a guard names a weight
_count = itertools.count(1)


@dataclass(eq=False)
class Capture:
    """What was captured so far."""

    graphs: list[fx.GraphModule] = field(default_factory=list)
    guards: list[int] = field(default_factory=list)  # of each graph: what must hold for it to be used again

    def __post_init__(self) -> None:
        self.hook = self.backend  # one object: torch.compile tells backends apart by identity

    def backend(self, graph: fx.GraphModule, examples: Any) -> Callable[..., Any]:
        """A backend for torch.compile that keeps what it is given, and runs it as it is."""
        self.graphs.append(graph)
        return graph.forward

    def guarded(self, guards: Any) -> None:
        """Called with the guards of each graph."""
        self.guards.append(len(guards))

    def breaks(self) -> list[dict[str, str]]:
        """Where a graph ended before the program did: reason and the user's line."""
        return [
            {"reason": reason.reason.splitlines()[0], "code": _line(reason.user_stack)}
            for reason in (getattr(graph, "compile_subgraph_reason", None) for graph in self.graphs)
            if reason is not None and reason.graph_break
        ]


def _line(stack: Any) -> str:
    return f"{os.path.basename(stack[-1].filename)}:{stack[-1].lineno}" if stack else ""


@contextmanager
def captured(native: Adapter, capture: Capture) -> Iterator[None]:
    """Inside, calls of the module, which is a copy's, go through torch.compile's front end."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return native._call_impl(*args, **kwargs)

    for module in native.modules():
        if isinstance(module, Adapter):
            for one in (module, module.bound):
                if isinstance(type(one).forward, FunctionType):
                    one.__dict__["forward"] = MethodType(_fresh(type(one).forward), one)
    before = native._compiled_call_impl
    native._compiled_call_impl = torch._dynamo.optimize(capture.hook, guard_export_fn=capture.guarded)(_fresh(call))
    try:
        with warnings.catch_warnings():
            # torch.compile looks at the gradient of each tensor after a break, and hides its own warning only where it is shown
            warnings.filterwarnings("ignore", "The .grad attribute of a Tensor", UserWarning)
            yield
    finally:
        native._compiled_call_impl = before


def _fresh(function: Any) -> FunctionType:
    """The function with a code object of its own.

    torch.compile keeps with the code what it compiled, and by its name which sizes it saw: else models of one class would share
    both, and what is counted here would depend on what the process did before, and change what it does after.
    """
    code = function.__code__.replace(co_name=f"{function.__name__}_{next(_count)}")
    new = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    new.__kwdefaults__ = function.__kwdefaults__
    return new


def recompiles() -> list[str]:
    """Why compiled code was not used again, so far in this process, newest last."""
    told = [reason for reasons in torch._dynamo.utils.guard_failures.values() for reason in reasons]
    return [_told(_NUMBER.sub("", reason)) for reason in told]


def _told(reason: str) -> str:
    """A guard that failed, with the weight's name as torch's users know it."""
    first = reason.splitlines()[0].partition(". Guard failed")[0].strip()
    return _TENSOR.sub(lambda m: ".".join(re.findall(r"_(?:modules|parameters|buffers)\['(\w+)'\]", m[0])), first)


def capture_of(trial: Trial) -> tuple[Capture, Graph]:
    """What torch.compile captures of one run, also as a graph."""
    capture = Capture()
    with captured(trial.native(), capture):
        trial.run()
    return capture, captured_graph(capture, trial.native())


def captured_graph(capture: Capture, native: Adapter) -> Graph:
    """The graphs one after another; each is a node that holds its operations.

    Args:
        capture: What was captured.
        native: Of this module.
    """
    paths = {str(id(module)): path for module, path in Layers(native).modules()}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for number, module in enumerate(capture.graphs, 1):
        holder = f"graph {number}"
        nodes.append(Node(holder, "torch.fx.Graph", holder))
        for node in module.graph.nodes:
            if node.op == "output":
                continue
            spec = _spec(node)
            name = f"{number}/{node.name}"
            layer = _layer(node, paths)
            label = _target(node)
            parent = holder
            outputs = () if spec is None else (spec,)
            nodes.append(Node(name, f"{node.op} {label}", label, layer, "", parent, outputs))
            edges += [Edge(f"{number}/{source.name}", name, _spec(source)) for source in node.all_input_nodes]
    broken = len(capture.breaks())
    note = f"{broken} break{'s' if broken > 1 else ''}: between two graphs Python runs." if broken else ""
    return Graph("captured", "torch.compile: what its front end captured", tuple(nodes), tuple(edges), note)


def operations(capture: Capture) -> list[int]:
    """How many operations each graph has."""
    return [sum(node.op.startswith("call_") for node in graph.graph.nodes) for graph in capture.graphs]


def _target(node: fx.Node) -> str:
    if node.op == "placeholder":
        return re.sub(r"_modules_|_parameters_|_buffers_", ".", node.name).rpartition("module.")[2].strip("_.")
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _layer(node: fx.Node, paths: dict[str, str]) -> str:
    """The layer that it was captured in: torch.compile notes the modules by their id."""
    stack = node.meta.get("nn_module_stack")
    if node.op == "placeholder" or not stack:
        return ""
    known = [paths[key] for key in (str(key).partition("@")[0] for key in stack) if key in paths]
    return known[-1] if known else ""


def _spec(node: fx.Node) -> TensorSpec | None:
    value = node.meta.get("example_value")
    if not isinstance(value, torch.Tensor) or not all(isinstance(axis, int) for axis in value.shape):
        return None
    return spec_of(value)
