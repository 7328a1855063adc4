"""One call of a model, played on symbolic tensors of its very shapes, with the values at hand where somebody asks.

So it is known which layers this call runs, with which inputs and how often, and which way each `if` on the data goes; on every
backend alike, for it is the description that is played.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.description.trace import Tracer, tracing
from unidl.graph.branch import answered
from unidl.graph.node import LayerCall, Node, OpCall, Placeholder, WeightRead, leaves, map_nest, symbols
from unidl.graph.spec import TensorSpec, dtype_name
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.insight.inspections.lone_layer import LoneLayer
from unidl.inspection.program import Arguments
from unidl.models import Model
from unidl.models.build import Built, weight_path
from unidl.ops.op import running


def spec_of(tensor: Any) -> TensorSpec:
    """The spec of a native tensor."""
    return TensorSpec(tuple(tensor.shape), dtype_name(tensor.dtype))


class Play(Tracer):
    """Plays one call.

    Args:
        model: A built model, which may be run: a copy.
        call: What it is called with, as native tensors.
    """

    def __init__(self, model: Model, call: Arguments) -> None:
        self.built: Built = model._need_built()
        super().__init__(self.built.precision, self.built.random)
        self.model = model
        self.values: dict[int, Any] = {}  # id of a symbolic tensor -> its value, where it was asked for
        self.outer: dict[int, SymbolicTensor] = {}  # id of an input inside a call -> what the call was given
        self.kept: list[Any] = []  # so that no id is used again
        self.asked: list[list[SymbolicTensor]] = [[]]  # in each forward that runs now
        self.alone: dict[int, LoneLayer] = {}  # id of a layer -> it, as a model of its own
        self.plan: LayerPlan = self.plan_of(model, "")
        with answered(self.knows), tracing():
            self.call(self.plan, *map_nest(self._given, call))

    def _given(self, leaf: Any) -> Any:
        """One of the model's inputs."""
        if not hasattr(leaf, "shape"):
            return leaf
        made = placeholder(spec_of(leaf))
        self.values[id(made)] = leaf
        self.kept.append(made)
        return made

    def placeholder(self, leaf: Any) -> Any:
        """As Tracer's, and remembered."""
        made = super().placeholder(leaf)
        if isinstance(leaf, SymbolicTensor):
            self.outer[id(made)] = leaf
            self.kept.append((made, leaf))
        return made

    def _call(self, plan: LayerPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """As Tracer's; the call keeps what its forward asked."""
        self.asked.append([])
        try:
            result = super()._call(plan, args, kwargs)
            plan.calls[-1].asked = tuple(self.asked[-1])
            return result
        finally:
            self.asked.pop()

    def knows(self, tensor: SymbolicTensor) -> bool:
        """The answer to a question of Python's."""
        self.asked[-1].append(tensor)
        return bool(self.built.backend.to_numpy(self.value(tensor)))

    def inputs(self, plan: LayerPlan) -> list[Arguments]:
        """What a layer is given in this call, each time that it is called."""
        return [map_nest(self._value_of, (call.args, call.kwargs)) for call in plan.calls]

    def _value_of(self, leaf: Any) -> Any:
        return self.value(leaf) if isinstance(leaf, SymbolicTensor) else leaf

    # -- values ----------------------------------------------------------------------------------------------------------

    def value(self, tensor: SymbolicTensor) -> Any:
        """A symbolic tensor's value, computed by the backend."""
        if id(tensor) not in self.values:
            with running(self.built.backend), self.built.backend.random_state(0, self.built.device):
                for node in self._needed(tensor):
                    self._compute(node)
        return self.values[id(tensor)]

    def _needed(self, tensor: SymbolicTensor) -> list[Node]:
        """The nodes whose values are missing, in order."""
        found: dict[int, Node] = {}
        waiting = [tensor]
        while waiting:
            asked = waiting.pop()
            node = asked.unidl_node
            if id(asked) in self.values or id(node) in found:
                continue
            found[id(node)] = node
            if isinstance(node, Placeholder):
                waiting.append(self.outer[id(asked)])
            elif isinstance(node, LayerCall) and self._goes_inside(node):
                waiting += symbols(node.call.outputs)
            else:
                waiting += node.inputs
        return sorted(found.values(), key=lambda node: node.order)

    def _goes_inside(self, node: LayerCall) -> bool:
        """Whether a call is played step by step: where it has layers inside, and no loop, whose body is not played."""
        plan = self.plans[id(node.layer)]
        steps = [step for step in node.call.nodes if isinstance(step, OpCall)]
        taken = any(callable(leaf) for step in steps for leaf in leaves((step.args, step.kwargs)))
        return any(child.reached for child in plan.children.values()) and not taken

    def _compute(self, node: Node) -> None:
        made: Any
        if isinstance(node, Placeholder):
            made = self.value(self.outer[id(node.outputs)])
        elif isinstance(node, WeightRead):
            path = weight_path(self.plans[id(node.layer)], node.name)
            made = self._weights()[path].read()
        elif isinstance(node, LayerCall):
            if self._goes_inside(node):
                made = map_nest(self._value_of, node.call.outputs)
            else:
                made = self.lone(node.layer, node).run(*map_nest(self._value_of, (node.args, node.kwargs)))
        else:
            assert isinstance(node, OpCall)
            args, kwargs = map_nest(self._value_of, (node.args, node.kwargs))
            made = node.op(*args, **kwargs)
        self.kept.append(node)
        for symbol, result in zip(leaves(node.outputs), leaves(made), strict=True):
            if isinstance(symbol, SymbolicTensor):
                self.values[id(symbol)] = result

    def _weights(self) -> Mapping[str, Any]:
        return self.built.slots()

    def lone(self, layer: Layer, node: LayerCall | None = None) -> LoneLayer:
        """A layer as a model of its own, which runs the layer's own native object."""
        if id(layer) not in self.alone:
            call = self.plans[id(layer)].calls[0] if node is None else node.call
            self.alone[id(layer)] = LoneLayer.of(self.model, layer, call)
        return self.alone[id(layer)]
