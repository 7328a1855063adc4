"""The body of one function: a traced graph becomes statements, one after another."""

from __future__ import annotations

from typing import Any

from unidl.codegen.code import Code, Line, Value, names_in
from unidl.codegen.inputs import inputs_of
from unidl.codegen.language import Calling
from unidl.codegen.literals import literal
from unidl.codegen.native import Definition, NativeObject, canonical, row_of, written_object
from unidl.codegen.operations import Operations, specs_of
from unidl.description.layer import bind
from unidl.description.plan import Call, LayerPlan
from unidl.errors import SourceError
from unidl.graph.node import LayerCall, Node, OpCall, Placeholder, WeightRead, ancestors, leaves, map_nest, symbols
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor
from unidl.native.helper import Helper
from unidl.native.row import EITHER, FIRST


class Scope(Operations):
    """One function's body while a graph is written into it."""

    # -- a graph ---------------------------------------------------------------------------------------------------------

    def graph(self, outputs: Any, updates: tuple[tuple[str, Any, int], ...] = ()) -> Any:
        """Write the steps that give the outputs and the updates, in order; the outputs as a nest of Values."""
        wanted = [outputs, [value for _, value, _ in updates]]
        nodes = [node for node in ancestors(wanted) if not self._is_known(node)]
        for node in nodes:
            for tensor in node.inputs:
                self.uses[id(tensor)] += 1
                self.readers.setdefault(id(tensor), []).append(node)
        for tensor in symbols(wanted):
            self.uses[id(tensor)] += 1
        events: list[tuple[int, Any]] = [(node.order, node) for node in nodes]
        events += [(order, (name, value)) for name, value, order in updates]
        for _, event in sorted(events, key=lambda pair: pair[0]):
            if isinstance(event, tuple):
                self._update(*event)
            else:
                self._step(event)
        return map_nest(lambda leaf: self.value(leaf) if isinstance(leaf, SymbolicTensor) else leaf, outputs)

    def _is_known(self, node: Node) -> bool:
        return any(id(t) in self.values for t in symbols(node.outputs))

    def _update(self, name: str, value: Any) -> None:
        assert self.plan is not None
        weight = self.author.members(self.plan).text(name)
        for key, known in self.values.items():
            if self.uses[key] > 0 and weight in known.code.text and not known.code.names:
                kept = self.assign(name, self.language.copied(known.code), known.spec)
                self.values[key] = kept
        new = self.value(value).code if isinstance(value, SymbolicTensor) else Code(literal(value))
        if isinstance(value, SymbolicTensor):
            self.uses[id(value)] -= 1
        for line in self.language.updated(weight, new):
            self.lines.append(Line(line.text, line.comment, self.depth + line.indent))

    def _step(self, node: Node) -> None:
        for tensor in node.inputs:
            self.uses[id(tensor)] -= 1
        if isinstance(node, Placeholder):
            raise SourceError(
                f"{self._title()} uses an input that is not its own.", fix="Pass it as an argument of forward."
            )
        if isinstance(node, WeightRead):
            self.bind(node.outputs, self._weight(node))
        elif isinstance(node, OpCall) and isinstance(node.op, (NativeObject, Helper)):
            written = written_object(self, node)
            if isinstance(written, Value) and not self.readers.get(id(node.outputs)):
                self.bind(node.outputs, written)  # the layer's output, whose name its owner knows
            else:
                self._put(node.outputs, written, "y" if isinstance(node.op, NativeObject) else node.op.name, [])
        elif isinstance(node, OpCall):
            self._op(node)
        elif isinstance(node, LayerCall):
            self._layer(node)

    def _weight(self, node: WeightRead) -> Value:
        spec = node.outputs.spec
        if self.plan is not None and node.layer is self.plan.layer:
            return Value(Code(self.author.members(self.plan).text(node.name)), spec)
        route, plan = self._child(node.layer)
        me = self._object(route)
        row = row_of(self.language, plan)
        if row is None:
            return Value(Code(self.author.members(plan).text(node.name, me)), spec)
        if row.native is not None:
            value: Value = self.graph(canonical(self, row.native, plan, node.name, me))
            return value
        if row.reads is None:
            raise SourceError(
                f"{self._title()} reads the weight {node.name!r} of {plan.title}, which has no such code."
            )
        return Value(Code(row.reads(plan, node.name, me)), spec)

    # -- layers ----------------------------------------------------------------------------------------------------------

    def _child(self, layer: Any) -> tuple[tuple[str, ...], LayerPlan]:
        """The keys that lead to a layer that this one calls, and its plan."""

        def search(plan: LayerPlan, route: tuple[str, ...], depth: int) -> tuple[tuple[str, ...], LayerPlan] | None:
            for key, child in plan.children.items():
                if child.layer is layer:
                    return (*route, key), child
            for key, child in plan.children.items() if depth else ():
                found = search(child, (*route, key), depth - 1)
                if found:
                    return found
            return None

        found = search(self.plan, (), 3) if self.plan is not None else None
        if found is None:
            raise SourceError(f"{self._title()} calls {type(layer).__name__} {layer.name!r}, which is not below it.")
        return found

    def _object(self, route: tuple[str, ...]) -> str:
        assert self.plan is not None
        return self.author.object(self, self.plan, route)

    def _layer(self, node: LayerCall) -> None:
        route, plan = self._child(node.layer)
        call = Call(node.args, node.kwargs, node.outputs)
        row, inlined = row_of(self.language, plan), is_inlined(plan)
        arguments = plan.arguments(call) if row or inlined else inputs_of(plan, call)
        given = {name: map_nest(self._operand, value) for name, value in arguments.items() if value is not None}
        if any("/" in key for key in route):  # in a statement of its own, so that the calls of a list look alike
            given = {name: map_nest(self._named, value) for name, value in given.items()}
        free = self._free_of(given) or self._free(node.inputs)
        hint = self._branch_name(node) or route[-1]
        if row is None and inlined:
            layer = bind(plan.layer, plan.attributes, Definition())
            result = self.inline(layer.forward, given)
            self._put(node.outputs, result, hint, free, inline=False)
            return
        if row is None:
            result = self.author.called(self, route, plan, given, node)
        else:
            first = self._layout_for(row.layout, given)
            given = {
                name: map_nest(lambda v: self.laid(v, first) if isinstance(v, Value) else v, value)
                for name, value in given.items()
            }
            free = self._free_of(given) or free
            calling = Calling(plan, self, self._object(route), given, specs_of(node.outputs))
            result = row.call(calling)
            result = self._as_values(result, node.outputs, first, given)
        self._put(node.outputs, result, hint, free, inline=False)

    def _named(self, value: Any) -> Any:
        """The value in a variable."""
        if not isinstance(value, Value) or not value.code.names or value.code.text in value.code.names:
            return value
        reuse = list(value.code.names) if len(value.code.names) == 1 else []
        return self.assign("y", value.code, value.spec, value.first, reuse)

    def _branch_name(self, node: LayerCall) -> str:
        """A plain name for what goes straight on into the next layer, or is the result."""
        readers = self.readers.get(id(node.outputs), [])
        goes_on = len(readers) == 1 and isinstance(readers[0], LayerCall) and len(readers[0].inputs) == 1
        return self.chain if goes_on or not readers else ""

    def _layout_for(self, layout: str, given: dict[str, Any]) -> bool:
        if layout == EITHER:
            return any(v.first for v in leaves(given) if isinstance(v, Value))
        return layout == FIRST and self.language.channels_first

    def _free_of(self, given: dict[str, Any]) -> list[str]:
        for value in leaves(given):
            if isinstance(value, Value):
                return list(value.code.names) if len(value.code.names) == 1 else []
        return []

    def _as_values(self, result: Any, outputs: Any, first: bool, given: dict[str, Any]) -> Any:
        specs = specs_of(outputs)
        read = names_in(given)
        if isinstance(specs, TensorSpec):
            if isinstance(result, Value):
                return result
            code = result if isinstance(result, Code) else Code(str(result))
            return Value(Code(code.text, code.strength, code.names | read), specs, first and len(specs.shape) > 2)
        if isinstance(result, Code):
            return Code(result.text, result.strength, result.names | read)
        return [
            r if isinstance(r, Value) else Value(r if isinstance(r, Code) else Code(str(r)), s, False)
            for r, s in zip(result, leaves(specs), strict=True)
        ]


def is_inlined(plan: LayerPlan) -> bool:
    """Whether a layer without a row is written where it is called: one of unidl's own that is ops and nothing else."""
    own = type(plan.layer).__module__.startswith("unidl.layers.")
    return own and not (plan.weights or plan.structure or plan.reads_training)
