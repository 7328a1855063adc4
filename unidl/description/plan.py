"""What tracing a description yields: a tree of layers with their weights, shapes and graph. Every backend builds from it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unidl.access import Access
from unidl.graph.node import Node, ancestors, symbols
from unidl.graph.spec import Shape

if TYPE_CHECKING:
    from unidl.description.layer import Layer


@dataclass(frozen=True)
class WeightSpec:
    """One weight of a layer, before any framework.

    Args:
        name: The attribute under which the layer reads it.
        shape: Canonical shape.
        dtype: Name of its dtype.
        initializer: Draws its first value (see unidl.initializers).
        trainable: Whether a gradient is taken by it; False for a state such as a moving mean.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    initializer: Any
    trainable: bool


@dataclass(eq=False)
class Call:
    """One traced call of a layer.

    Args:
        args: Positional inputs, as symbolic tensors (placeholders of this call) and plain values.
        kwargs: Keyword inputs, likewise.
        outputs: The symbolic tensor or nest of them that forward returned.
        updates: What `self.update` was given, in order: the state's name, its next value, and the time (as `Node.order`).
        asked: The tensors of which Python asked whether they are true, where one certain run was traced.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any
    updates: tuple[tuple[str, Any, int], ...] = ()
    asked: tuple[Any, ...] = ()

    @property
    def nodes(self) -> list[Node]:
        """The steps from the inputs to the outputs, in order."""
        return ancestors(self.outputs)

    @property
    def steps(self) -> list[Node]:
        """Likewise, with those that lead to what Python asked: all that this run computes."""
        return ancestors((self.outputs, self.asked))


@dataclass(eq=False)
class LayerPlan:
    """A layer in its place in a model.

    Args:
        layer: The description.
        path: Structural path from the root, "" for the root itself.
        attributes: What the layer's `setup` and constructor stored on it, sublayers left out.
        structure: Attribute name -> nest of child keys, for sublayers held in attributes, lists, tuples and dicts.
        children: Child key ("hidden", "blocks/0") -> plan. A shared layer is one plan under several keys.
        weights: Weight name -> spec, in order of declaration.
        calls: The traced calls of the last inference trace, one for each place where the layer is used.
        dynamic: Whether Python control flow in `forward` depends on tensors, so that no single graph says it all.
        asks: The lines of the user's that ask, where it is.
        reads_training: Whether `forward` asks `self.training`, so that training has another graph than inference.
        adds_loss: Whether `forward` adds a loss.
        reached: Whether any trace called it or read its weights; any other layer has no shapes and is not built.
        dtype: The floating dtype that its weights have.
        random: "native" or "portable": where random ops in it draw from.
        draws: The modes (True for training) in which its own forward draws random numbers.
        draws_inside: The op of control flow in whose body one of these stands; None if none does.
        access: Who may use what is built of the whole plan; one for all plans of a trace.
    """

    layer: Layer
    path: str
    dtype: str
    attributes: dict[str, Any] = field(default_factory=dict)
    structure: dict[str, Any] = field(default_factory=dict)
    children: dict[str, LayerPlan] = field(default_factory=dict)
    weights: dict[str, WeightSpec] = field(default_factory=dict)
    updated: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    dynamic: bool = False
    asks: dict[str, None] = field(default_factory=dict)
    reads_training: bool = False
    adds_loss: bool = False
    reached: bool = False
    random: str = "native"
    draws: set[bool] = field(default_factory=set)
    draws_inside: str | None = None
    access: Access = field(default_factory=Access)

    def __deepcopy__(self, memo: dict[int, Any]) -> LayerPlan:
        return self  # a plan is never changed once it is traced; copies of native objects share it

    @property
    def kind(self) -> str:
        """The layer's class name."""
        return type(self.layer).__name__

    @property
    def title(self) -> str:
        """How messages name the layer: "Dense 'head'"."""
        return f"{self.kind} {self.path!r}" if self.path else f"{self.kind} {self.layer.name!r}"

    def arguments(self, call: Call) -> dict[str, Any]:
        """The inputs of a call by the names of forward's parameters; what was left out is not there."""
        bound = inspect.signature(type(self.layer).forward).bind(self.layer, *call.args, **call.kwargs)
        return dict(list(bound.arguments.items())[1:])

    def other_dtypes(self) -> list[str]:
        """Dtypes of inputs that are not the layer's own; a mask and lengths have theirs by their meaning."""
        given = [
            value
            for call in self.calls
            for name, value in self.arguments(call).items()
            if name not in ("mask", "lengths")
        ]
        return sorted({tensor.dtype for tensor in symbols(given)} - {self.dtype})

    @property
    def input_shapes(self) -> list[Shape]:
        """Shapes of the tensors of its first call; none where its weights alone are read."""
        return [t.shape for call in self.calls[:1] for t in symbols((call.args, call.kwargs))]

    @property
    def output_shapes(self) -> list[Shape]:
        """Shapes of what its first call returned."""
        return [t.shape for call in self.calls[:1] for t in symbols(call.outputs)]

    def walk(self) -> Iterator[LayerPlan]:
        """This plan and those below it, each once, parents first."""
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            plan = waiting.pop()
            if id(plan) in seen:
                continue
            seen.add(id(plan))
            yield plan
            waiting.extend(reversed(plan.children.values()))

    def draws_in(self, training: bool) -> bool:
        """Whether this layer or one below it draws random numbers in that mode."""
        return any(training in plan.draws for plan in self.walk())

    def counts_draws(self, training: bool) -> bool:
        """Likewise for portable random numbers."""
        return self.random == "portable" and self.draws_in(training)

    @property
    def is_dynamic(self) -> bool:
        """Whether this layer or one below it is dynamic."""
        return any(plan.dynamic for plan in self.walk())
