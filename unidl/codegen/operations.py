"""Ops in a function's body: each an expression, with its operands where and as the framework wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from unidl import ops
from unidl.codegen.channels import FOLLOWS
from unidl.codegen.code import ATOM, Code, Value, names_in
from unidl.codegen.language import Given
from unidl.codegen.literals import literal
from unidl.codegen.names import HINTS, NEVER_INLINE, shape_text, unpacked, variable
from unidl.codegen.promotion import promoted
from unidl.codegen.statements import Statements
from unidl.description.trace import tracing
from unidl.errors import SourceError
from unidl.graph.node import OpCall, leaves, map_nest, symbols
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.ops.op import Op

INLINE = 48  # columns up to which an expression that is used once stands inside another


class Operations(Statements):
    """Statements into which ops are written."""

    def graph(self, outputs: Any, updates: tuple[tuple[str, Any, int], ...] = ()) -> Any:
        """Write the steps that give the outputs and the updates, in order; the outputs as a nest of Values."""
        raise NotImplementedError

    def _op(self, node: OpCall) -> None:
        op: Op = node.op
        if op.name == "shape":
            x = self.value(node.inputs[0])
            for axis, out in enumerate(node.outputs):
                if isinstance(out, SymbolicTensor):
                    self.bind(out, Value(self.language.length(x, axis), out.spec, False))
            return
        bound = op.signature.bind(*node.args, **node.kwargs)
        bound.apply_defaults()
        arguments = {key: map_nest(self._operand, value) for key, value in bound.arguments.items()}
        if op.name not in self.language.ops and op.composed:
            self._composed(op, node, arguments)
            return
        reuse = [t for t in node.inputs if id(t) in self.values]
        self._put(node.outputs, self.express(op.name, arguments, specs_of(node.outputs)), op.name, self._free(reuse))

    def _operand(self, leaf: Any) -> Any:
        if isinstance(leaf, SymbolicTensor):
            return self.value(leaf)
        if isinstance(leaf, (np.ndarray, np.generic)):
            array = np.asarray(leaf)
            if array.size > 256:
                raise SourceError(
                    f"{self._title()} holds an array of {array.size} numbers, too many to stand in source code.",
                    fix="Declare it as a weight: self.add_weight(name, shape, initializer=array, trainable=False) in setup.",
                )
            dtype = "float32" if array.dtype.kind == "f" else array.dtype.name
            return Value(self.language.array(array, dtype), TensorSpec(array.shape, dtype))
        return _clean(leaf) if type(leaf) is float else leaf

    def _free(self, tensors: list[SymbolicTensor]) -> list[str]:
        """The variable of the first tensor, whose name may be taken again."""
        for tensor in tensors[:1]:
            code = self.values[id(tensor)].code
            if code.text in code.names:
                return [code.text]
        return []

    def express(self, name: str, arguments: dict[str, Any], outputs: Any) -> Any:
        """The expression of an op: a Value, or a list of Values."""
        language = self.language
        expression = language.ops.get(name)
        if expression is None:
            raise SourceError(
                f"ops.{name} cannot be written as {language.title} source.",
                fix="Write it with other ops, or keep the model in unidl and export it (unidl.export).",
            )
        first = self._agreed_layout(name, arguments, outputs)
        alike = name not in language.windowed
        arguments = {key: self._each_laid(value, first and (alike or key == "x")) for key, value in arguments.items()}
        arguments = promoted(name, arguments, self.casted)
        given = Given(self, name, arguments, outputs, first)
        if isinstance(expression, str):
            shown = {k: v if isinstance(v, Value) else _Shown(v) for k, v in arguments.items()}
            result: Any = Code(expression.format(**shown), ATOM, names_in(arguments))
        else:
            result = expression(given)
        if isinstance(outputs, TensorSpec):
            code = result if isinstance(result, Code) else Code(str(result), ATOM, names_in(arguments))
            first = first and len(outputs.shape) > 2
            return Value(Code(code.text, code.strength, code.names | names_in(arguments)), outputs, first)
        return result

    def _each_laid(self, nest: Any, first: bool) -> Any:
        return map_nest(lambda v: self.laid(v, first) if isinstance(v, Value) else v, nest)

    def _agreed_layout(self, name: str, arguments: dict[str, Any], outputs: Any) -> bool:
        if name in self.language.windowed:
            return self.language.channels_first
        values = [v for v in leaves(arguments) if isinstance(v, Value)]
        if not any(v.first for v in values):
            return False
        if name == "concatenate":
            return all(len(v.shape) == len(values[0].shape) for v in values)
        if name in FOLLOWS:
            return FOLLOWS[name](arguments)
        if name not in self.language.elementwise:
            return False
        return isinstance(outputs, TensorSpec) and all(len(v.shape) in (0, len(outputs.shape)) for v in values)

    def casted(self, value: Value, dtype: str) -> Value:
        """The value in another dtype."""
        return Value(self.language.cast(value.code, dtype), TensorSpec(value.shape, dtype), value.first)

    def laid(self, value: Value, first: bool) -> Value:
        """The value with its channels where they are wanted."""
        if value.first == first or len(value.shape) < 3:
            return value
        key = next((k for k, v in self.values.items() if v is value), None)
        if key is not None and (key, first) in self.moved:
            return self.moved[key, first]
        code = self.language.moved(value, first)
        reuse = [value.code.text] if value.code.text in value.code.names else []
        moved = self.assign("y", code, value.spec, first, reuse)
        if key is not None:
            if not self.uses[key]:
                self.values[key] = moved
            else:
                self.moved[key, first] = moved
        return moved

    def _composed(self, op: Op, node: OpCall, arguments: dict[str, Any]) -> None:
        """The body of an op that the framework does not have."""
        outputs = self.inline(op.function, arguments)
        for tensor, value in zip(leaves(node.outputs), leaves(outputs), strict=True):
            if isinstance(tensor, SymbolicTensor):
                self.bind(tensor, value)
                self._settle(tensor)

    def inline(self, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """What a function written with ops gives for these values, written here."""

        def stand_in(leaf: Any) -> Any:
            if not isinstance(leaf, Value):
                return leaf
            if leaf.code.text not in leaf.code.names and leaf.code.names and "(" in leaf.code.text:
                leaf = self.assign("y", leaf.code, leaf.spec, leaf.first)
            made = placeholder(leaf.spec)
            self.bind(made, leaf)
            return made

        symbolic = map_nest(stand_in, arguments)
        with tracing():
            outputs = function(**symbolic)
        result = self.graph(outputs)
        for tensor in symbols(outputs):  # who takes the result counts its uses
            self.uses[id(tensor)] -= 1
        return result

    def inner(self) -> Self:
        """The scope of a function inside this one."""
        return type(self)(self.author, self.plan, self.training, self, self.owner)

    def symbolic(self, nest: Any) -> Any:
        """A nest of Values as symbolic tensors that stand for them."""

        def stand_in(leaf: Any) -> Any:
            if not isinstance(leaf, Value):
                return leaf
            made = placeholder(leaf.spec)
            self.bind(made, leaf)
            self.uses[id(made)] += 1
            return made

        return map_nest(stand_in, nest)

    def nested(self, function: Callable[..., Any], *nests: Any) -> Any:
        """What a function of nests gives, written here.

        Args:
            function: Written with ops.
            *nests: For each argument a nest that shows its structure, and the list of its leaves' Values.
        """
        arguments = []
        made = []
        for nest, values in zip(nests[::2], nests[1::2], strict=True):
            rest = iter(values)

            def stand_in(_: Any, rest: Any = rest) -> SymbolicTensor:
                value = next(rest)
                tensor = placeholder(value.spec)
                self.bind(tensor, value)
                self.uses[id(tensor)] += 1
                made.append(tensor)
                return tensor

            arguments.append(map_nest(stand_in, nest))
        with tracing():
            outputs = function(*arguments)
        result = self.graph(outputs)
        for tensor in made:
            self.uses[id(tensor)] -= 1
        return result

    def apply(self, function: Callable[..., Any], x: Value) -> Value:
        """What a function of one tensor gives: an activation."""
        if function is ops.identity:
            return x
        if isinstance(function, Op):
            if function.name in self.language.ops:
                value: Value = self.express(function.name, {**_defaults(function), "x": x}, x.spec)
                return value
            return self._written_function(function.function, x, function.name)
        return self._written_function(function, x, getattr(function, "__name__", "activation"))

    def _written_function(self, function: Callable[..., Any], x: Value, name: str) -> Value:
        x = self.laid(x, False)
        called = self.author.function(function, x.spec, name)
        return Value(Code(f"{called}({x})", ATOM, x.code.names), x.spec)

    # -- what a step gives -----------------------------------------------------------------------------------------------

    def _put(self, outputs: Any, result: Any, hint: str, reuse: list[str], inline: bool = True) -> None:
        name, hint = hint, HINTS.get(hint, hint)
        if isinstance(outputs, SymbolicTensor):
            small = len(result.code.text) <= INLINE and name not in NEVER_INLINE
            bare = result.code.text in result.code.names or (result.code.strength == ATOM and not result.code.names)
            if not bare and not (inline and small and self.uses[id(outputs)] <= 1):
                result = self.assign(hint, result.code, result.spec, result.first, reuse)
            self.bind(outputs, result)
            return
        tensors = list(leaves(outputs))
        if isinstance(result, Code):  # one expression that gives several
            names = [
                self.name(f"{hint}_{i + 1}") if isinstance(t, SymbolicTensor) and self.uses[id(t)] else "_"
                for i, t in enumerate(tensors)
            ]
            self.say(f"{unpacked(names)} = {result}", self._shapes(tensors), names)
            result = [Value(variable(n), t.spec) for n, t in zip(names, tensors, strict=True)]
        for tensor, value in zip(tensors, leaves(result), strict=True):
            if isinstance(tensor, SymbolicTensor):
                self.bind(tensor, value)
                self._settle(tensor)

    @staticmethod
    def _shapes(tensors: list[Any]) -> str:
        texts = [shape_text(t.shape) for t in tensors if isinstance(t, SymbolicTensor)]
        return f"each {texts[0]}" if len(set(texts)) == 1 else ", ".join(texts)

    def _settle(self, tensor: SymbolicTensor) -> None:
        """Put an expression that is used several times into a variable."""
        value = self.values[id(tensor)]
        bare = value.code.text in value.code.names or not value.code.names
        if not bare and (self.uses[id(tensor)] > 1 or len(value.code.text) > INLINE):
            self.values[id(tensor)] = self.assign("y", value.code, value.spec, value.first)


def _clean(number: float) -> float:
    """The number with 12 digits, if the code computes alike with it, in float32: 1 - 0.9 is 0.1."""
    short = float(f"{number:.12g}")
    return short if np.float32(short) == np.float32(number) else number


class _Shown:
    """A plain value in a template."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __format__(self, how: str) -> str:
        return literal(self.value)


def specs_of(outputs: Any) -> Any:
    """The specs of a nest of tensors."""
    return map_nest(lambda t: t.spec if isinstance(t, SymbolicTensor) else t, outputs)


def _defaults(op: Op) -> dict[str, Any]:
    return {name: p.default for name, p in op.signature.parameters.items() if p.default is not p.empty}
