"""What produced a symbolic tensor. The nodes behind a set of outputs are the graph; there is no other record of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from unidl.graph.tensor import SymbolicTensor

_count = itertools.count()


def now() -> int:
    """The time at which something happens beside the nodes, as their `order` has it."""
    return next(_count)


@dataclass(eq=False)
class Node:
    """One step of a graph.

    Args:
        args: Positional arguments, symbolic tensors among them (nested in lists, tuples and dicts too).
        kwargs: Keyword arguments, likewise.
    """

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    order: int = field(default_factory=lambda: next(_count), init=False)  # time of creation: a topological order
    outputs: Any = field(default=None, init=False)  # the tensor, or nest of tensors, that it made

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that it reads."""
        return list(symbols((self.args, self.kwargs)))


@dataclass(eq=False)
class Placeholder(Node):
    """An input of the graph.

    Args:
        name: How messages call it.
        floating: Whether its dtype is the floating dtype of whatever model it ends up in.
    """

    name: str = "input"
    floating: bool = False


@dataclass(eq=False)
class WeightRead(Node):
    """A read of a layer's weight.

    Args:
        name: The weight's.
        layer: The description whose weight it is.
    """

    name: str = ""
    layer: Any = None


@dataclass(eq=False)
class OpCall(Node):
    """A call of an op."""

    op: Any = None


@dataclass(eq=False)
class LayerCall(Node):
    """A call of a layer.

    Args:
        layer: The description that was called.
        call: What was traced inside it (a `description.plan.Call`); None where the call stands in a functional graph.
    """

    layer: Any = None
    call: Any = None


def symbols(nest: Any) -> Iterator[SymbolicTensor]:
    """The symbolic tensors in nested lists, tuples and dicts, in order."""
    if isinstance(nest, (list, tuple)):
        for item in nest:
            yield from symbols(item)
    elif isinstance(nest, dict):
        for item in nest.values():
            yield from symbols(item)
    elif hasattr(nest, "unidl_node"):
        yield nest


def holds_symbol(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether there is a symbolic tensor in a call's arguments; each call of a model asks."""
    for value in args:
        if type(value) is not np.ndarray and any(True for _ in symbols(value)):
            return True
    return bool(kwargs) and any(True for _ in symbols(kwargs))


def ancestors(outputs: Any) -> list[Node]:
    """All nodes that the outputs depend on, in order of creation."""
    seen: dict[int, Node] = {}
    waiting: list[Node] = [t.unidl_node for t in symbols(outputs)]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            waiting.extend(t.unidl_node for t in node.inputs)
    return sorted(seen.values(), key=lambda node: node.order)


def leaves(nest: Any) -> Iterable[Any]:
    """The leaves of nested lists, tuples and dicts, in order."""
    if isinstance(nest, (list, tuple)):
        for item in nest:
            yield from leaves(item)
    elif isinstance(nest, dict):
        for item in nest.values():
            yield from leaves(item)
    else:
        yield nest


def map_nest(function: Any, nest: Any) -> Any:
    """The same nest with `function` applied to each leaf."""
    if type(nest) is tuple:  # most are, and a training step asks often
        return tuple([map_nest(function, item) for item in nest])
    if not isinstance(nest, (tuple, list, dict)):
        return function(nest)
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return type(nest)(*(map_nest(function, item) for item in nest))
    if isinstance(nest, (list, tuple)):
        return type(nest)(map_nest(function, item) for item in nest)
    return {key: map_nest(function, item) for key, item in nest.items()}


def pack(nest: Any, values: Iterable[Any]) -> Any:
    """The same nest with its leaves, in order, replaced by values."""
    rest = iter(values)
    return map_nest(lambda _: next(rest), nest)
