"""The body of one function: a traced graph becomes statements, one after another."""

from __future__ import annotations

import builtins
import keyword
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl import ops
from unidl.codegen.code import ATOM, Code, Line, Value, literal, names_in
from unidl.codegen.inputs import inputs_of
from unidl.codegen.language import EITHER, FIRST, Calling, Given, row_of
from unidl.codegen.promotion import promoted
from unidl.description.plan import Call, LayerPlan
from unidl.description.trace import tracing
from unidl.errors import SourceError
from unidl.graph.node import LayerCall, Node, OpCall, Placeholder, WeightRead, ancestors, leaves, map_nest, symbols
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.ops.op import Op

if TYPE_CHECKING:
    from unidl.codegen.author import Author
    from unidl.codegen.language import Language

INLINE = 48  # columns up to which an expression that is used once stands inside another
# names for what an op gives, where its own would hide a builtin or say little
HINTS = {
    "max": "largest", "min": "smallest", "sum": "total", "any": "found", "all": "every", "abs": "size", "round": "whole",
    "getitem": "part", "take": "chosen", "matmul": "y", "einsum": "y", "add": "y", "subtract": "y", "multiply": "y",
    "divide": "y", "where": "y", "reshape": "y", "transpose": "y", "expand_dims": "y", "concatenate": "joined",
    "split": "part", "unstack": "part", "less": "below", "greater": "above", "logical_and": "both", "square": "squares",
    "less_equal": "below", "conv": "y", "max_pool": "y", "average_pool": "y", "cast": "y", "power": "y", "pow": "y",
    "scan": "state", "while_loop": "state", "cond": "y", "negative": "y", "stop_gradient": "y", "sort": "ordered",
    **dict.fromkeys(("random_uniform", "random_normal", "random_randint"), "noise"),
    "random_permutation": "order", "random_dropout": "y", "sigmoid": "gate", "tanh": "y", "arange": "places", "top_k": "top",
}  # fmt: skip
NEVER_INLINE = ("random_uniform", "random_normal", "random_randint", "random_permutation", "random_dropout", "softmax")


class Scope:
    """One function's body while it is written.

    Args:
        author: Who writes the file.
        plan: The layer whose function it is; None for a function of the file's.
        training: Whether the graph is that of training.
        outer: The scope around a nested function.
        owner: What the layer's own weights and sublayers hang on: "self", or "" in a function that makes the objects itself.
    """

    def __init__(
        self,
        author: Author,
        plan: LayerPlan | None = None,
        training: bool = False,
        outer: Scope | None = None,
        owner: str = "self",
    ) -> None:
        self.author = author
        self.language: Language = author.language
        self.plan = plan
        self.training = training
        self.owner = owner
        self.lines: list[Line] = []
        self.uses: Counter[int] = Counter()
        self.readers: dict[int, list[Node]] = {}
        self.values: dict[int, Value] = dict(outer.values) if outer else {}
        self.kept: dict[int, SymbolicTensor] = {}  # so that an id stays one tensor's
        self.moved: dict[tuple[int, bool], Value] = {}
        self.taken: set[str] = set(outer.taken) if outer else set()
        self.assigned: set[str] = set()
        self.outside: frozenset[str] = frozenset(self.taken)
        self.depth = 0
        self.chain = "y"  # the name of what goes from layer to layer

    # -- names -----------------------------------------------------------------------------------------------------------

    def name(self, hint: str) -> str:
        """A name that nothing has yet."""
        base = identifier(hint)
        found, count = base, 1
        while found in self.taken or found in self.author.globals:
            count += 1
            found = f"{base}_{count}"
        self.taken.add(found)
        return found

    def is_live(self, name: str) -> bool:
        """Whether something that is still to be used reads the variable."""
        return any(self.uses[key] > 0 and name in value.code.names for key, value in self.values.items())

    def bind(self, tensor: SymbolicTensor, value: Value) -> None:
        """Say where a tensor is."""
        self.values[id(tensor)] = value
        self.kept[id(tensor)] = tensor

    def parameter(self, tensor: SymbolicTensor, hint: str, first: bool = False) -> str:
        """A parameter of the function, for a tensor."""
        name = self.name(hint)
        self.bind(tensor, Value(variable(name), tensor.spec, first))
        return name

    # -- statements ------------------------------------------------------------------------------------------------------

    def say(self, text: str, comment: str = "", names: Iterable[str] = ()) -> None:
        """A statement."""
        self.lines.append(Line(text, comment, self.depth, tuple(names)))

    @contextmanager
    def function(self, name: str, parameters: str) -> Iterator[None]:
        """Inside, statements are the body of a nested function."""
        last = self.lines[-1] if self.lines else Line("", "")
        if last.text and not (last.text.endswith(":") and last.indent < self.depth):
            self.say("")
        self.say(f"def {name}({parameters}):")
        self.depth += 1
        yield
        self.depth -= 1
        self.say("")

    def assign(
        self, hint: str, code: Code, spec: TensorSpec, first: bool = False, reuse: Iterable[str] = (), of: str = ""
    ) -> Value:
        """`name = code  # (batch, 8)`; the name of a variable that nothing reads any more is taken again.

        Args:
            hint: For a name.
            code: What it is.
            spec: Its shape and dtype.
            first: Whether its channels are first.
            reuse: Variables whose name may be taken again.
            of: Of whose list of objects the code calls one (see `unidl.codegen.folding`).
        """
        again = [identifier(hint)] if identifier(hint) in self.assigned else []  # one that is done with
        free = [n for n in (*reuse, *again) if n not in self.outside and not self.is_live(n)]
        name = free[0] if free else self.name(hint)
        self.assigned.add(name)
        self.say(f"{name} = {code}", shape_text(spec.shape, first), [name])
        return Value(variable(name), spec, first)

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

    def value(self, tensor: SymbolicTensor) -> Value:
        """Where a tensor is."""
        found = self.values.get(id(tensor))
        if found is None:
            raise SourceError(
                f"{self._title()} uses a tensor that its graph does not make.",
                fix="Pass it as an argument of forward.",
            )
        return found

    def _title(self) -> str:
        return self.plan.title if self.plan is not None else "A function"

    def _update(self, name: str, value: Any) -> None:
        for key, known in self.values.items():
            weight = self.language.member(name)
            if self.uses[key] > 0 and weight in known.code.text and not known.code.names:
                kept = self.assign(name, self.language.copied(known.code), known.spec)
                self.values[key] = kept
        new = self.value(value).code if isinstance(value, SymbolicTensor) else Code(literal(value))
        if isinstance(value, SymbolicTensor):
            self.uses[id(value)] -= 1
        for line in self.language.updated(name, new, self.author):
            self.lines.append(Line(line.text, line.comment, self.depth + line.indent))

    def _step(self, node: Node) -> None:
        for tensor in node.inputs:
            self.uses[id(tensor)] -= 1
        if isinstance(node, Placeholder):
            raise SourceError(
                f"{self._title()} uses an input that is not its own.", fix="Pass it as an argument of forward."
            )
        if isinstance(node, WeightRead):
            self.bind(node.outputs, Value(Code(self._weight(node)), node.outputs.spec))
        elif isinstance(node, OpCall):
            self._op(node)
        elif isinstance(node, LayerCall):
            self._layer(node)

    def _weight(self, node: WeightRead) -> str:
        if self.plan is not None and node.layer is self.plan.layer:
            return self.language.member(node.name)
        key, plan = self._child(node.layer)
        me = self._object(key)
        row = row_of(self.language, plan)
        if row is None:
            return f"{me}.{node.name}"
        if row.reads is None:
            raise SourceError(
                f"{self._title()} reads the weight {node.name!r} of {plan.title}, which has no such code."
            )
        return row.reads(plan, node.name, me)

    # -- ops -------------------------------------------------------------------------------------------------------------

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
        self._put(node.outputs, self.express(op.name, arguments, _specs(node.outputs)), op.name, self._free(reuse))

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
        return leaf

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
        arguments = {
            key: map_nest(lambda v: self.laid(v, first) if isinstance(v, Value) else v, value)
            for key, value in arguments.items()
        }
        arguments = promoted(name, arguments, self.casted)
        given = Given(self, name, arguments, outputs, first)
        if isinstance(expression, str):
            shown = {k: v if isinstance(v, Value) else _Shown(v) for k, v in arguments.items()}
            result: Any = Code(expression.format(**shown), ATOM, names_in(arguments))
        else:
            result = expression(given)
        if isinstance(outputs, TensorSpec):
            code = result if isinstance(result, Code) else Code(str(result), ATOM, names_in(arguments))
            return Value(Code(code.text, code.strength, code.names | names_in(arguments)), outputs, first)
        return result

    def _agreed_layout(self, name: str, arguments: dict[str, Any], outputs: Any) -> bool:
        values = [v for v in leaves(arguments) if isinstance(v, Value)]
        if not any(v.first for v in values):
            return False
        if name == "concatenate":
            return all(len(v.shape) == len(values[0].shape) for v in values)
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
        stand_ins: list[SymbolicTensor] = []

        def stand_in(leaf: Any) -> Any:
            if not isinstance(leaf, Value):
                return leaf
            if leaf.code.text not in leaf.code.names and leaf.code.names:
                leaf = self.assign("y", leaf.code, leaf.spec, leaf.first)
            made = placeholder(leaf.spec)
            self.bind(made, leaf)
            self.uses[id(made)] += 1
            stand_ins.append(made)
            return made

        symbolic = map_nest(stand_in, arguments)
        with tracing():
            outputs = function(**symbolic)
        result = self.graph(outputs)
        for made in stand_ins:
            self.uses[id(made)] -= 1
        return result

    def inner(self) -> Scope:
        """The scope of a function inside this one."""
        return Scope(self.author, self.plan, self.training, self, self.owner)

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

    # -- layers ----------------------------------------------------------------------------------------------------------

    def _child(self, layer: Any) -> tuple[str, LayerPlan]:
        """The key path, with dots between owners, and the plan of a layer that this one calls."""

        def search(plan: LayerPlan, path: str, depth: int) -> tuple[str, LayerPlan] | None:
            for key, child in plan.children.items():
                if child.layer is layer:
                    return f"{path}{key}", child
            for key, child in plan.children.items() if depth else ():
                found = search(child, f"{path}{key}.", depth - 1)
                if found:
                    return found
            return None

        found = search(self.plan, "", 3) if self.plan is not None else None
        if found is None:
            raise SourceError(f"{self._title()} calls {type(layer).__name__} {layer.name!r}, which is not below it.")
        return found

    def _object(self, key: str) -> str:
        assert self.plan is not None
        return self.author.object(self, self.plan, key)

    def _layer(self, node: LayerCall) -> None:
        key, plan = self._child(node.layer)
        call = Call(node.args, node.kwargs, node.outputs)
        arguments = plan.arguments(call) if row_of(self.language, plan) else inputs_of(plan, call)
        given = {name: map_nest(self._operand, value) for name, value in arguments.items() if value is not None}
        if "/" in key:  # in a statement of its own, so that the calls of a list look alike
            given = {name: map_nest(self._named, value) for name, value in given.items()}
        free = self._free_of(given) or self._free(node.inputs)
        hint = self._branch_name(node) or key.replace("/", "_").rpartition(".")[2]
        row = row_of(self.language, plan)
        if row is None:
            result = self.author.called(self, key, plan, given, node)
        else:
            first = self._layout_for(row.layout, given)
            given = {
                name: map_nest(lambda v: self.laid(v, first) if isinstance(v, Value) else v, value)
                for name, value in given.items()
            }
            free = self._free_of(given) or free
            calling = Calling(plan, self, self._object(key), given, _specs(node.outputs))
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
        specs = _specs(outputs)
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


class _Shown:
    """A plain value in a template."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __format__(self, how: str) -> str:
        return literal(self.value)


def variable(name: str) -> Code:
    """A local variable."""
    return Code(name, ATOM, frozenset([name]))


def unpacked(names: list[str]) -> str:
    """The left side of an assignment that takes a list apart."""
    return f"({names[0]},)" if len(names) == 1 else ", ".join(names)


def identifier(text: str) -> str:
    """A Python identifier near the text."""
    found = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in text).strip("_") or "x"
    if found[0].isdigit():
        found = f"x{found}"
    return f"{found}_" if keyword.iskeyword(found) or hasattr(builtins, found) or found in ("l", "O", "I") else found


def shape_text(shape: tuple[int | None, ...], first: bool = False) -> str:
    """A shape as a comment: (batch, 28, 28, 1)."""
    if shape == ():
        return "a scalar"
    beside = {3: ("batch", "time", "features"), 4: ("batch", "height", "width", "channels")}.get(len(shape))
    names = beside or ("batch", *(f"n{i}" for i in range(1, len(shape))))
    known = [names[i] if n is None else str(n) for i, n in enumerate(shape)]
    if first and len(known) > 2:
        known = [known[0], known[-1], *known[1:-1]]
    return f"({', '.join(known)}{',' if len(known) == 1 else ''})"


def _specs(outputs: Any) -> Any:
    return map_nest(lambda t: t.spec if isinstance(t, SymbolicTensor) else t, outputs)


def _defaults(op: Op) -> dict[str, Any]:
    return {name: p.default for name, p in op.signature.parameters.items() if p.default is not p.empty}
