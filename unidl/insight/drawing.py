"""The picture of a graph as SVG, laid out by the same code as in the report's page, without a browser.

The layout is dagre's (docs/design/report.md says why), in JavaScript; QuickJS runs it here.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import importlib.resources
import json
import re
import threading
from collections.abc import Sequence
from typing import Any

from unidl import distribution
from unidl.backends import registry
from unidl.errors import ArgumentError, MissingPackageError
from unidl.graph.spec import TensorSpec
from unidl.insight.plain import plain
from unidl.inspection.graph import Graph

# the layout recurses along a graph's paths, and a thread has a stack of the size one asks for
STACK = 256 * 2**20
MOST_BOXES = 400

_COLOUR = re.compile(r"(--[\w-]+): light-dark\((#\w+), (#\w+)\)")
_VARIABLE = re.compile(r"var\((--[\w-]+)\)")
_stack = threading.Lock()  # the size of a stack is the whole process' setting


def svg(graph: Graph, *, boxes: int = 60, layers: Sequence[str] = ()) -> str:
    """The picture of one graph, as an SVG document that light and dark surroundings both show well.

    What holds others (a module, a function, the nodes of one layer) stays closed, as one box, where its nodes would be too many.

    Args:
        graph: What `unidl.inspect` found, such as `inspection.graphs["layers"]`.
        boxes: How many to draw, about: holders are opened from the outside in while there is room; at most 400.
        layers: Structural paths in the order that gives them their colours; two pictures with the same list have the same colours.
    Raises:
        MissingPackageError: The package that runs the layout is not installed.
        ArgumentError: boxes is no number from 1 to 400.
    Example:
        >>> from unidl.inspection.graph import Edge, Graph, Node
        >>> nodes = (Node("a", "MatMul", layer="dense"), Node("b", "Relu"))
        >>> svg(Graph("graph", "Two ops", nodes, (Edge("a", "b"),)))[:45]
        '<svg xmlns="http://www.w3.org/2000/svg" class'
    """
    if isinstance(boxes, bool) or not isinstance(boxes, int) or not 1 <= boxes <= MOST_BOXES:
        raise ArgumentError(
            f"The picture of {graph.name!r} cannot have boxes={boxes!r}.",
            expected=f"an integer from 1 to {MOST_BOXES}",
            received=repr(boxes),
        )
    if registry.not_installed(("quickjs",)):
        raise MissingPackageError(
            f"The picture of {graph.name!r} as SVG needs the package 'quickjs-ng', which is not installed.",
            fix=f"Install it with:  {distribution.install('svg')}\nThe report's HTML page needs no package.",
        )
    asked = {"graph": as_data(graph), "style": standalone_style(), "budget": boxes, "layers": list(layers)}
    return _run(asset("drawing.js"), json.dumps(asked))


def as_data(graph: Graph) -> dict[str, Any]:
    """A graph as the page and the layout read it."""
    return {
        "name": graph.name,
        "title": graph.title,
        "note": graph.note,
        "nodes": [
            {
                "id": node.id,
                "op": node.op,
                "label": node.label,
                "layer": node.layer,
                "lane": node.lane,
                "parent": node.parent,
                "outputs": [written(spec) for spec in node.outputs],
                "details": plain(node.details),
            }
            for node in graph.nodes
        ],
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "kind": edge.kind,
                "tensor": written(edge.tensor) if edge.tensor is not None else "",
            }
            for edge in graph.edges
        ],
    }


def written(spec: TensorSpec) -> str:
    """A tensor's shape and dtype: "(None, 28, 28) float32"."""
    return f"({', '.join(map(str, spec.shape))}{',' if len(spec.shape) == 1 else ''}) {spec.dtype}"


def asset(name: str) -> str:
    """The text of a file that the page is made with."""
    return importlib.resources.files("unidl.insight.report").joinpath("assets", name).read_text(encoding="utf-8")


def standalone_style() -> str:
    """The pictures' style for a file of its own, with its colours put in: not every viewer of SVG knows CSS' variables."""
    pairs = {name: (light, dark) for name, light, dark in _COLOUR.findall(asset("colours.css"))}
    rules = asset("picture.css")

    def coloured(dark: bool) -> str:
        return _VARIABLE.sub(lambda found: pairs[found.group(1)][dark], rules)

    return f"{coloured(False)}@media (prefers-color-scheme: dark) {{\n{coloured(True)}}}\n"


def _run(code: str, asked: str) -> str:
    """The layout, in a thread with a stack that long graphs do not exhaust."""
    quickjs = importlib.import_module("quickjs")

    def work() -> str:
        context = quickjs.Context()
        context.set_max_stack_size(STACK * 3 // 4)
        context.eval(code)
        return str(context.get("drawGraph")(asked))

    with concurrent.futures.ThreadPoolExecutor(1, "unidl-layout") as pool:
        with _stack:
            before = threading.stack_size(STACK)
            try:
                running = pool.submit(work)
            finally:
                threading.stack_size(before)
        return running.result()
