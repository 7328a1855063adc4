"""How a layer with a native form is written: its constructor, its call, its arrays and reads of its weights follow from the row."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.backends.lowering import ADDED
from unidl.codegen.calls import call
from unidl.codegen.code import Code, Value, names_in
from unidl.codegen.language import Arrays, Calling, Making, Row
from unidl.codegen.names import shape_text, variable
from unidl.description.layer import Layer, bind
from unidl.description.plan import LayerPlan
from unidl.description.trace import tracing
from unidl.graph.node import OpCall, leaves, map_nest, symbols
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.native.helper import Helper
from unidl.native.row import FIRST, Native, Output, weight_of
from unidl.ops.op import Op

if TYPE_CHECKING:
    from unidl.codegen.language import Language
    from unidl.codegen.scope import Scope


@cache
def row_for(language: Language, native: Native) -> Row:
    """How a language writes the layers of a row."""
    return Row(
        partial(_called, native),
        partial(_made, language, native),
        partial(_arrays, language, native),
        native.layout,
        trains=lambda plan: plan.reads_training,
        serves=lambda plan: native.written and native.unsupported(plan) is None,
        native=native,
    )


def row_of(language: Language, plan: LayerPlan) -> Row | None:
    """The row by which a layer is written; None where its definition is.

    A subclass is written as its parent only where it changed neither setup nor forward.
    """
    cls = type(plan.layer)
    for base in cls.__mro__:
        added = ADDED.get((base, language.name))
        native = added if isinstance(added, Native) else language.natives.get(base)
        row = language.layers.get(base) if native is None else row_for(language, native)
        if row is not None:
            changed = any(getattr(cls, name, None) is not getattr(base, name, None) for name in ("setup", "forward"))
            return row if not changed and row.serves(plan) else None
    return None


# -- the constructor ---------------------------------------------------------------------------------------------------------


def _made(language: Language, native: Native, making: Making) -> str:
    """The constructor with the arguments that are not the class' defaults; what is fixed is fixed behind it."""
    plan, name = making.plan, native.class_of(making.plan)
    defaults = language.defaults(name)
    given = [(key, language.argument(making, value)) for key, value in native.given(plan).items()]
    positional = [value for _, value in given[: native.positional]]
    named = {key: value for key, value in given[native.positional :] if value != defaults.get(key, _NO_DEFAULT)}
    making.note = "; ".join(native.notes(plan))
    for tensor, fixed in native.fixed_in(plan).items():
        making.after += language.fixed(tensor, fixed.value)
    return str(language.constructor(making, name, positional, named))


_NO_DEFAULT = object()

# -- the call ----------------------------------------------------------------------------------------------------------------


class NativeObject(Op):
    """The framework's object in a row's `call` while source code is written: a call of it is recorded.

    Args:
        native: The row.
        calling: The layer's call.
    """

    def __init__(self, native: Native, calling: Calling) -> None:
        super().__init__(_native, partial(_outputs, native, calling), composed=False)
        self.native = native
        self.calling = calling


def _native(*args: Any, **kwargs: Any) -> None:
    """Any call."""


def _outputs(native: Native, calling: Calling, *args: Any, **kwargs: Any) -> Any:
    if native.outputs is None:
        return calling.outputs
    named = native.outputs(calling.plan, *args, **kwargs)
    return map_nest(lambda output: output.spec, named)


class Definition:
    """Binds a description that has neither weights nor sublayers, while its forward is written where it is called."""

    locked = True
    training = False

    def attribute(self, layer: Layer, name: str) -> Any:
        """None: what it has are plain attributes."""
        raise layer._no_attribute(name)

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Nothing: no layer is called inside."""
        raise RuntimeError(f"{type(layer).__name__} is called inside its own code")

    def update(self, name: str, value: Any) -> None:
        """Nothing: a state stays as it is in inference."""

    def add_loss(self, value: Any) -> None:
        """Nothing: it is no output."""

    def add_weight(self, *_: Any) -> None:
        """Nothing: setup does not run."""
        raise RuntimeError("setup does not run while source code is written")


class Reading(Definition):
    """Binds a description to the layer's object in source code: its weights are read there.

    Args:
        native: The row.
        calling: The layer's call.
    """

    def __init__(self, native: Native, calling: Calling) -> None:
        self.native = native
        self.calling = calling

    def attribute(self, layer: Layer, name: str) -> Any:
        """A weight, in canonical layout."""
        plan, scope = self.calling.plan, self.calling.scope
        if name not in plan.weights:
            raise layer._no_attribute(name)
        return canonical(scope, self.native, plan, name, self.calling.me)


def _called(native: Native, calling: Calling) -> Any:
    plan, scope = calling.plan, calling.scope
    activated = native.activation and native.activation not in native.given(plan)
    if native.is_direct(plan):
        y = calling.of(*calling.args.values())
        return calling.activated(y) if activated else y
    layer = bind(plan.layer, plan.attributes, Reading(native, calling))
    found = NativeObject(native, calling)
    y = scope.inline(partial(_run, native, layer, found), calling.args)
    return scope.apply(getattr(layer, native.activation), y) if activated else y


def _run(native: Native, layer: Layer, found: NativeObject, **given: Any) -> Any:
    return found(*given.values()) if native.call is None else native.call(layer, found, **given)


def written_object(scope: Scope, node: OpCall) -> Any:
    """The call of a layer's object, or of a helper, as an expression; or as a statement, where it returns several tensors."""
    op = node.op
    layout = op.layout if isinstance(op, Helper) else op.native.layout
    laid = partial(_laid, scope, layout == FIRST and scope.language.channels_first)
    args, kwargs = map_nest(laid, node.args), map_nest(laid, node.kwargs)
    first = any(value.first for value in leaves((args, kwargs)) if isinstance(value, Value))
    me = scope.author.helper(op.name, op.text) if isinstance(op, Helper) else op.calling.me
    code = call(me, *args, **kwargs)
    if isinstance(node.outputs, SymbolicTensor):
        return Value(Code(code.text, code.strength, names_in((args, kwargs))), node.outputs.spec, first)
    outputs = op.native.outputs(op.calling.plan, *node.args, **node.kwargs)
    return _unpacked(scope, code, outputs, node.outputs)


def _laid(scope: Scope, first: bool, leaf: Any) -> Any:
    return scope.laid(scope.value(leaf), first) if isinstance(leaf, SymbolicTensor) else leaf


def _unpacked(scope: Scope, code: Code, outputs: Any, tensors: Any) -> list[Value]:
    """`sequence, (h, _) = ...`: those that are used have names; the first alone is `...[0]`."""
    used = [t for t in symbols(tensors) if scope.uses[id(t)]]
    if len(used) == 1 and tensors[0] is used[0]:
        only = Code(f"{code}[0]", names=code.names)
        return [Value(only if t is used[0] else Code(""), t.spec) for t in symbols(tensors)]
    names = {id(t): scope.name(o.name) if scope.uses[id(t)] else "_" for o, t in _pairs(outputs, tensors)}
    shown = shape_text(tensors[0].shape) if any(t is tensors[0] for t in used) else ""
    scope.say(f"{_pattern(tensors, names)[1:-1]} = {code}", shown, [names[id(t)] for t in used])
    return [Value(variable(names[id(t)]), t.spec) for t in symbols(tensors)]


def _pairs(outputs: Any, tensors: Any) -> list[tuple[Output, SymbolicTensor]]:
    return list(zip(leaves(outputs), symbols(tensors), strict=True))


def _pattern(tensors: Any, names: dict[int, str]) -> str:
    if isinstance(tensors, SymbolicTensor):
        return names[id(tensors)]
    parts = [_pattern(part, names) for part in tensors]
    return "_" if set(parts) == {"_"} else f"({', '.join(parts)})"


# -- weights -----------------------------------------------------------------------------------------------------------------


def _arrays(language: Language, native: Native, plan: LayerPlan, weights: Arrays) -> Arrays:
    """The native tensors by their names."""
    dtype = next(iter(weights.values())).dtype if weights else np.dtype("float32")
    found = language.native_tensors(native, plan, dtype)
    for name, (tie, *_) in native.ties(plan).items():
        value, stored = np.asarray(weights[name]), language.tensor_name(native, plan, tie.native)
        if stored not in found:
            found[stored] = np.zeros(tie.native_shape(value.shape), value.dtype)
        tie.write(found[stored], value)
    return found


def canonical(scope: Scope, native: Native, plan: LayerPlan, name: str, me: str) -> SymbolicTensor:
    """A weight in canonical layout, as what is computed from the object's tensor."""
    tie, *_ = native.ties(plan)[name]
    spec = weight_of(plan, name)
    stored = placeholder(TensorSpec(tie.native_shape(spec.shape), spec.dtype))
    scope.bind(stored, Value(Code(f"{me}.{tie.native}"), stored.spec))
    with tracing():
        read: SymbolicTensor = tie.read(stored, spec.shape)
    return read
