"""Tracing: run a description on symbolic tensors to learn its layers, weights, shapes and graph.

`setup` runs on a symbolic copy, so the user's object stays as it was. `forward` runs for training and for inference, and both
ways at each branch on a tensor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from unidl import arguments, initializers
from unidl.access import Access
from unidl.description import layer as layer_module
from unidl.description.held import held
from unidl.description.layer import Layer, bind
from unidl.description.plan import Call, LayerPlan, WeightSpec
from unidl.errors import ArgumentError, NotCalledError, NotPortableError, ShapeError, UnidlError
from unidl.graph.branch import explore, questions
from unidl.graph.limit import LAYER, spend
from unidl.graph.node import LayerCall, WeightRead, ancestors, map_nest, now
from unidl.graph.spec import Shape, TensorSpec, dtype_name, is_float
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.names import check_identifier, check_keys, check_layer_keys
from unidl.ops.stream import NOW, noting
from unidl.within import within

_active: ContextVar[bool] = ContextVar("unidl_tracing", default=False)


class ChildKey(str):
    """A sublayer's key where a nest of sublayers stood: "hidden", "blocks/0"."""


class SymbolicBinding:
    """What a bound description sees while it is traced."""

    def __init__(self, plan: LayerPlan, tracer: Tracer) -> None:
        self.plan = plan
        self.tracer = tracer
        self.locked = False
        self.setting_up = False
        self.nests: dict[str, Any] = {}  # attribute -> its bound sublayers, once they were read

    @property
    def training(self) -> bool:
        """Whether this trace is of training."""
        self.plan.reads_training = True
        return self.tracer.training

    def attribute(self, layer: Layer, name: str) -> Any:
        """A symbolic weight, or a bound sublayer."""
        if not self.plan.reached and not self.setting_up:
            self.tracer.reach(self.plan)
        if name in self.plan.weights:
            weight = self.plan.weights[name]
            dtype = self.plan.dtype if weight.dtype in ("float16", "bfloat16", "float32", "float64") else weight.dtype
            node = WeightRead(name=name, layer=self.plan.layer)
            node.outputs = SymbolicTensor(TensorSpec(weight.shape, dtype), node)
            return node.outputs
        if name in self.plan.structure:
            return held(self.nests, name, self.plan.structure[name], self._sublayer)
        if not self.plan.reached and not self.setting_up:
            raise NotCalledError(
                f"{self.plan.title} was asked for its {name!r} before it was called.",
                expected="weights that are read after the layer's first call, whose inputs decide their shapes",
                fix="Call the layer first; a layer whose setup takes no shapes may be read at any time.",
            )
        raise layer._no_attribute(name)

    def _sublayer(self, leaf: Any) -> Any:
        return self.tracer.bound(self.plan.children[leaf]) if isinstance(leaf, ChildKey) else leaf

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Trace the layer's forward."""
        return self.tracer.call(self.plan, args, kwargs)

    def update(self, name: str, value: Any) -> None:
        """Check that it names a state and fits."""
        weight = self.plan.weights.get(name)
        if weight is None or weight.trainable:
            states = [w.name for w in self.plan.weights.values() if not w.trainable]
            raise ArgumentError(
                f"update({name!r}, …): {self.plan.title} has no state of that name.",
                expected=f"one of {states}" if states else "a weight declared with trainable=False in setup",
                fix=f"self.add_weight({name!r}, shape, trainable=False) in setup.",
            )
        shape = getattr(value, "shape", ())
        if tuple(shape) != weight.shape:
            raise ShapeError(
                f"update({name!r}, …) of {self.plan.title} needs a value of the state's shape.",
                expected=str(weight.shape),
                received=str(tuple(shape)),
            )
        self.plan.updated.add(name)
        self.tracer.updates[-1].append((name, value, now()))

    def add_loss(self, value: Any) -> None:
        """Check that it is a scalar, and stands where every backend can add it."""
        if self.setting_up:
            raise ArgumentError(
                f"add_loss was called in setup of {self.plan.title}.",
                expected="a call in forward",
                fix="Move it to def forward(self, x).",
            )
        shape = getattr(value, "shape", None)
        if shape is None or len(shape) or not is_float(dtype_name(value.dtype)):
            kind = ShapeError if shape else ArgumentError
            raise kind(
                f"add_loss of {self.plan.title} takes a scalar of floats.",
                expected="a tensor of shape ()",
                received=f"a {type(value).__name__}" if shape is None else f"{dtype_name(value.dtype)} {tuple(shape)}",
                fix="ops.mean(value) makes a scalar." if shape else None,
            )
        if NOW.inside is not None:
            raise NotPortableError(
                f"add_loss of {self.plan.title} was called in the body of ops.{NOW.inside}, out of which it cannot be added.",
                fix="Return the value from the body, and add it behind the op.",
            )
        self.plan.adds_loss = True
        self.tracer.added += 1

    def add_weight(
        self, layer: Layer, name: str, shape: tuple[int, ...], initializer: Any, trainable: bool, dtype: str | None
    ) -> None:
        """Put the weight into the plan."""
        if self.locked:
            raise ArgumentError(
                f"add_weight({name!r}) was called in forward.",
                expected="weights declared in setup, so that they are known before anything is computed",
                fix="Move it to def setup(self, shape).",
            )
        taken = {*self.plan.weights, *layer.__dict__, *dir(type(layer))}
        check_identifier(f"A weight of {self.plan.title}", name, taken)
        if any(axis is None for axis in shape):
            raise ShapeError(
                f"The weight {name!r} of {self.plan.title} needs every axis known.",
                received=str(shape),
                fix="Give that axis of the input in Input(shape) or build(shape).",
            )
        dtype = self.plan.dtype if dtype is None else dtype_name(dtype)
        self.plan.weights[name] = WeightSpec(name, shape, dtype, initializers.get(initializer), trainable)


class Tracer:
    """Traces one description.

    Args:
        dtype: The floating dtype in which it is to compute.
        random: Where its random ops will draw from.
        around: Calls of other layers around what is traced, in which a layer whose weights it reads may be found:
            id of a layer -> inputs, (args, kwargs).
    """

    def __init__(
        self,
        dtype: str = "float32",
        random: str = "native",
        around: Callable[[], Mapping[int, tuple[Any, Any]]] = dict,
    ) -> None:
        self.dtype = dtype
        self.random = random
        self.around = around
        self.training = False
        self.access = Access()
        self.plans: dict[int, LayerPlan] = {}
        self._bound: dict[int, Layer] = {}
        self._run = 0
        self.added = 0  # losses that the run in progress added
        self._last_run: dict[int, int] = {}
        self.updates: list[list[tuple[str, Any, int]]] = [[]]  # for each layer being called: what it gave its states
        self._asked_below: list[set[int]] = [set()]  # for each layer being called: questions that its sublayers asked

    def trace(
        self, root: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool = True, inference: bool = True
    ) -> LayerPlan:
        """The plan of a root layer for inputs like `args` and `kwargs` (TensorSpecs and plain values, nested).

        Args:
            training: Whether to run forward for training.
            inference: Whether to run it for inference, whose calls are then those that the plan keeps.
        """
        plan = self.plan_of(root, "")
        check_keys(f"An input of {plan.title}", args)
        inputs = map_nest(_placeholder, (args, kwargs))
        outputs: Any = None
        for self.training in [True] * training + [False] * inference:
            outputs, added = None, set()
            for result in explore(lambda: self._one_run(plan, inputs), self._all_reached):
                added.add(self.added)
                if len(added) > 1:
                    raise NotPortableError(
                        f"A loss is added in {plan.title} one way that an `if` or `while` on a tensor goes, and not the other.",
                        expected="add_loss where every way leads through",
                        fix="Add ops.where(condition, value, 0.0) behind the branch.",
                    )
                # the latest comes first: the tensors are to be of the run whose calls the plan keeps
                outputs = result if outputs is None else _merge(plan, result, outputs)
        plan.calls[-1].outputs = outputs
        return plan

    def _all_reached(self) -> bool:
        return all(child.reached for plan in list(self.plans.values()) for child in plan.children.values())

    def _one_run(self, plan: LayerPlan, inputs: Any) -> Any:
        self._run += 1
        self.added = 0
        with tracing():
            self.call(plan, *inputs)
            return plan.calls[-1].outputs

    def plan_of(self, layer: Layer, path: str) -> LayerPlan:
        """The plan of a layer; a shared layer keeps the path under which it was met first."""
        plan = self.plans.get(id(layer))
        if plan is None:
            plan = self.plans[id(layer)] = LayerPlan(layer, path, self.dtype, random=self.random, access=self.access)
        return plan

    def bound(self, plan: LayerPlan) -> Layer:
        """The description bound to its plan."""
        bound = self._bound.get(id(plan))
        if bound is None:
            # sublayers are found on it once it is set up: then they are bound too
            attributes = {k: v for k, v in vars(plan.layer).items() if k != "_unidl" and not _holds(v)}
            bound = self._bound[id(plan)] = bind(plan.layer, attributes, SymbolicBinding(plan, self))
        return bound

    def reach(self, plan: LayerPlan) -> None:
        """Set up a layer whose weights are read though it was not called here, if its inputs are known or do not matter."""
        call = self.around().get(id(plan.layer))
        owner = plan.layer._unidl.built  # it may be part of a model that is built
        if call is not None:
            self.call(plan, *call)
        elif owner is not None and owner.plan.calls:
            self.call(plan, owner.plan.calls[-1].args, owner.plan.calls[-1].kwargs)
        elif type(plan.layer).setup is Layer.setup or not inspect.signature(plan.layer.setup).parameters:
            self._set_up(plan, self.bound(plan), (), {})

    def call(self, plan: LayerPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a layer on symbolic tensors: an inner graph for the layer, one node in the caller's."""
        before = len(questions())
        self._asked_below.append(set())
        try:
            result = self._call(plan, args, kwargs)
        except UnidlError as error:
            error.locate(f"In {plan.title}")
            raise
        finally:
            below, asked = self._asked_below.pop(), questions()
            every = set(range(before, len(asked)))
            plan.asks.update(dict.fromkeys(asked[i] for i in sorted(every - below)))
            plan.dynamic = plan.dynamic or every > below
            self._asked_below[-1] |= every
        return result

    def _call(self, plan: LayerPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        spend(LAYER)
        bound = self.bound(plan)
        if not plan.reached:
            self._set_up(plan, bound, args, kwargs)
        inner_args, inner_kwargs = map_nest(self.placeholder, (args, kwargs))
        check_signature(plan, args, kwargs)
        self.updates.append([])
        try:
            with noting() as draws:
                outputs = bound.forward(*inner_args, **inner_kwargs)
        finally:
            updates = self.updates.pop()
        if draws:
            plan.draws.add(self.training)
            plan.draws_inside = plan.draws_inside or next((name for name in draws if name is not None), None)
        _check_outputs(plan, outputs)
        if self._last_run.get(id(plan)) != self._run:
            plan.calls = []
            self._last_run[id(plan)] = self._run
        plan.calls.append(Call(inner_args, inner_kwargs, outputs, tuple(updates)))
        node = LayerCall(args, kwargs, layer=plan.layer, call=plan.calls[-1])
        node.outputs = map_nest(lambda t: SymbolicTensor(t.spec, node) if isinstance(t, SymbolicTensor) else t, outputs)
        return node.outputs

    def placeholder(self, leaf: Any) -> Any:
        """What stands inside a call for one of its inputs."""
        return _placeholder(leaf)

    def _set_up(self, plan: LayerPlan, bound: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        shapes, named = map_nest(lambda t: t.shape if isinstance(t, SymbolicTensor) else None, (args, kwargs))
        parameters = inspect.signature(bound.setup).parameters
        if not any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
            shapes = shapes[: len(parameters)]  # a mask beside the input, say, that setup does not ask for
        binding = bound.__dict__["_binding"]
        binding.setting_up = True
        bound.__dict__.update({k: v for k, v in vars(plan.layer).items() if _holds(v)})
        bound.setup(*shapes, **{name: shape for name, shape in named.items() if name in parameters})
        for name, nest in bound.sublayers().items():
            layer_module.check_attribute(type(plan.layer), name)
            plan.structure[name] = self._register(plan, name, nest)
        for name in [name for name in bound.__dict__ if name in plan.structure or _holds(bound.__dict__[name])]:
            del bound.__dict__[name]
        plan.attributes = {k: v for k, v in vars(bound).items() if k not in ("_unidl", "_binding")}
        binding.setting_up, binding.locked = False, True
        plan.reached = True

    def _register(self, parent: LayerPlan, key: str, value: Any) -> Any:
        """Plans for the layers in a nest; returns the nest with keys in their place."""
        if isinstance(value, Layer):
            path = f"{parent.path}/{key}" if parent.path else key
            parent.children[key] = self.plan_of(value, path)
            return ChildKey(key)
        if isinstance(value, (list, tuple)):
            return type(value)([self._register(parent, f"{key}/{i}", item) for i, item in enumerate(value)])
        if isinstance(value, dict):
            if _holds(value):
                check_layer_keys(f"A layer in a dict of {parent.title}", value)
            return {k: self._register(parent, f"{key}/{k}", item) for k, item in value.items()}
        return value


def tracing() -> within[bool]:
    """Mark that a forward is being traced, so that a layer made inside it is refused."""
    return within(_active, True)


def _holds(value: Any) -> bool:
    return layer_module._holds_layer(value)


def _placeholder(leaf: Any) -> Any:
    """A fresh input for a spec or symbolic tensor; a plain value stays."""
    spec = leaf.spec if isinstance(leaf, SymbolicTensor) else leaf
    if not isinstance(spec, TensorSpec):
        return leaf
    return placeholder(spec)


def check_signature(plan: LayerPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse inputs that a layer's forward does not take."""
    check_call(plan.layer, plan.title, args, kwargs)


def check_call(layer: Layer, title: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse a call that a layer's forward does not take.

    Raises:
        ArgumentError: Inputs are missing, too many, or of another name.
    """
    signature = inspect.signature(type(layer).forward)
    try:
        signature.bind(None, *args, **kwargs)
    except TypeError as error:
        names = [str(p.replace(annotation=p.empty)) for name, p in signature.parameters.items() if name != "self"]
        raise ArgumentError(
            f"{title} was called with inputs that its forward does not take: {error}.",
            expected=f"forward({', '.join(names)})",
            received=f"{len(args)} positional" + (f", {', '.join(kwargs)}" if kwargs else ""),
        ) from None


def _check_outputs(plan: LayerPlan, outputs: Any) -> None:
    found = []

    def check(leaf: Any) -> Any:
        if isinstance(leaf, SymbolicTensor):
            found.append(leaf)
        elif leaf is not None:
            raise NotPortableError(
                f"forward of {plan.title} returns a {type(leaf).__name__}.",
                expected="a tensor, or lists, tuples and dicts of tensors",
                fix="Return what unidl.ops computed from the inputs; ops.tensor(value) makes a constant.",
            )
        return leaf

    map_nest(check, outputs)
    check_keys(f"An output of {plan.title}", outputs)
    if not found:
        raise NotPortableError(
            f"forward of {plan.title} returns no tensor.", fix="Return the output; is a `return` missing?"
        )


def _merge(plan: LayerPlan, a: Any, b: Any) -> Any:
    """The outputs of two runs as one: an axis on which they differ is unknown."""
    if isinstance(a, SymbolicTensor) and isinstance(b, SymbolicTensor):
        if len(a.shape) != len(b.shape) or a.dtype != b.dtype:
            raise NotPortableError(
                f"The branches in forward of {plan.title} return different kinds of tensors.",
                expected="the same number of axes and the same dtype, whichever way the branch goes",
                received=f"{a.dtype} {a.shape} and {b.dtype} {b.shape}",
            )
        shape: Shape = tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True))
        return a if shape == a.shape else SymbolicTensor(TensorSpec(shape, a.dtype), a.unidl_node)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        return type(a)([_merge(plan, m, n) for m, n in zip(a, b, strict=True)])
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return {key: _merge(plan, a[key], b[key]) for key in a}
    if a is None and b is None:
        return None
    raise NotPortableError(
        f"The branches in forward of {plan.title} return different structures.",
        expected="the same structure, whichever way the branch goes",
        received=f"{type(a).__name__} and {type(b).__name__}",
    )


def _functional_call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call on symbolic tensors outside any forward: a node of a functional graph."""
    if _active.get():
        raise ArgumentError(
            f"A {type(layer).__name__} was made inside forward, where it would be new at each call.",
            fix="Make it in __init__ or setup (self.hidden = layers.Dense(…)) and call self.hidden(x) in forward.",
        )
    plan = Tracer(around=lambda: _calls_before(args, kwargs)).trace(layer, args, kwargs, training=False)
    node = LayerCall(args, kwargs, layer=layer)
    outputs = plan.calls[-1].outputs
    node.outputs = map_nest(lambda t: SymbolicTensor(t.spec, node) if isinstance(t, SymbolicTensor) else t, outputs)
    return node.outputs


def _calls_before(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[int, tuple[Any, Any]]:
    """The calls of layers in a functional graph that lead to these tensors."""
    return {
        id(node.layer): (node.args, node.kwargs) for node in ancestors((args, kwargs)) if isinstance(node, LayerCall)
    }


def _output_shape(layer: Layer, shapes: tuple[Any, ...]) -> Any:
    check_call(layer, f"{type(layer).__name__} {layer.name!r}", shapes, {})
    args = tuple(_spec_nest(shape) for shape in shapes)
    outputs = Tracer().trace(layer, args, {}, training=False).calls[-1].outputs
    return map_nest(lambda t: t.shape, outputs)


def _spec_nest(shape: Any) -> Any:
    """A shape, or nest of shapes, as specs: a tuple of integers and None is one shape."""
    if isinstance(shape, TensorSpec):
        return shape
    if isinstance(shape, dict):
        return {key: _spec_nest(item) for key, item in shape.items()}
    nested = isinstance(shape, (tuple, list)) and any(
        isinstance(item, (tuple, list, dict, TensorSpec)) for item in shape
    )
    if isinstance(shape, list) or nested:
        return type(shape)([_spec_nest(item) for item in shape])
    return TensorSpec(arguments.shape("output_shape", "a shape", shape, free=True, empty=True))


layer_module.FUNCTIONAL_CALL = _functional_call
layer_module.OUTPUT_SHAPE = _output_shape
