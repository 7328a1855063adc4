"""The autograd graph of one call: what torch wrote down while it ran, to be walked backwards."""

from __future__ import annotations

from typing import Any

import torch

from unidl.backends.torch.inspection.operations import Layers, storage
from unidl.errors import DtypeError
from unidl.graph.node import leaves
from unidl.graph.spec import TensorSpec
from unidl.inspection.graph import Edge, Graph, Node

TITLE = "autograd: what this call wrote down for its gradient"


def autograd_graph(outputs: Any, layers: Layers, name: str = "autograd") -> Graph:
    """The nodes behind the outputs; an edge is a gradient on its way back.

    Args:
        outputs: What the model returned.
        layers: Knows which layer made a node, and the parameters' names.
        name: The graph's.
    """
    ids: dict[Any, str] = {}
    nodes: list[Node] = []
    edges: list[Edge] = []
    numbers: dict[str, int] = {}
    waiting = [t.grad_fn for t in leaves(outputs) if isinstance(t, torch.Tensor) and t.grad_fn is not None]
    for found in waiting:
        _enter(found, ids, nodes, numbers, layers)
    while waiting:
        function = waiting.pop(0)
        for following, index in function.next_functions:
            if following is None:
                continue
            if following not in ids:
                _enter(following, ids, nodes, numbers, layers)
                waiting.append(following)
            edges.append(Edge(ids[function], ids[following], _spec(following, index), "gradient"))
    note = "" if nodes else "No gradient is asked for: every weight is frozen, or there is none."
    return Graph(name, TITLE, tuple(nodes), tuple(edges), note)


def _enter(function: Any, ids: dict[Any, str], nodes: list[Node], numbers: dict[str, int], layers: Layers) -> None:
    kind = function.name().rpartition("::")[2]
    number = numbers[kind] = numbers.get(kind, 0) + 1
    ids[function] = kind if number == 1 else f"{kind}#{number}"
    variable = getattr(function, "variable", None)
    if variable is not None:  # AccumulateGrad: the end of the way
        parameter, layer = layers.names.get(storage(variable), ("", ""))
        details: dict[str, Any] = {"parameter": parameter}
        label = parameter or kind
    else:
        layer, label = layers.of_sequence.get(function._sequence_nr(), ""), kind
        details = {"saved": saved(function)}
    specs = [_spec(function, i) for i in range(len(function._input_metadata))]
    nodes.append(Node(ids[function], kind, label, layer, outputs=tuple(s for s in specs if s is not None), details=details))  # fmt: skip


def saved(function: Any) -> dict[str, list[int]]:
    """What a node keeps for the way back: name -> shape."""
    found = {}
    for name in dir(function):
        if name.startswith("_saved_"):
            value = getattr(function, name)
            if isinstance(value, torch.Tensor):
                found[name.removeprefix("_saved_")] = list(value.shape)
    return found


def saved_bytes(outputs: Any) -> int:
    """Memory of all that is kept for the way back, weights left out; what several nodes keep counts once."""
    seen: set[Any] = set()
    kept: dict[int, int] = {}
    parameters: set[int] = set()
    waiting = [t.grad_fn for t in leaves(outputs) if isinstance(t, torch.Tensor) and t.grad_fn is not None]
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        if getattr(function, "variable", None) is not None:
            parameters.add(storage(function.variable))
        for name in dir(function):
            value = getattr(function, name) if name.startswith("_saved_") else None
            if isinstance(value, torch.Tensor):
                kept[storage(value)] = value.untyped_storage().nbytes()
        waiting += [following for following, _ in function.next_functions if following is not None]
    return sum(size for place, size in kept.items() if place not in parameters)


def _spec(function: Any, index: int) -> TensorSpec | None:
    metadata = function._input_metadata
    if index >= len(metadata):
        return None
    try:
        return TensorSpec(tuple(metadata[index].shape), str(metadata[index].dtype).removeprefix("torch."))
    except DtypeError:
        return None
