"""From a plan to a keras.Model, and running it.

A model whose forward is a graph of layers and ops becomes a functional Keras model: the traced graph is played once on KerasTensors.
Anything else becomes an adapter, and `lowered` says why.
"""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Mapping
from typing import Any

import unidl.backends.keras as backend
from unidl.backends.keras.ambient import ambient, is_disturbed
from unidl.backends.keras.binding import Nested, add_children, bind_child, child_of, make_adapter, slots_of
from unidl.backends.keras.engine import ENGINE, ROUNDS_FLOAT64, keras, outside_graph
from unidl.backends.keras.layers import LOWERINGS
from unidl.backends.keras.module import Adapter, Part, call_native, functional, input_name, layer_name, nodes_of
from unidl.backends.keras.prediction import predicted
from unidl.backends.keras.weight import Slot, build_blank, set_to_zero
from unidl.backends.lowering import Lowering, Way, choose
from unidl.description.control_flow import FIX
from unidl.description.plan import Call, LayerPlan
from unidl.errors import NotPortableError
from unidl.graph.node import LayerCall, OpCall, Placeholder, WeightRead, leaves, map_nest, symbols
from unidl.graph.tensor import SymbolicTensor
from unidl.models import Model
from unidl.models.input_names import input_names
from unidl.ops import op
from unidl.ops.stream import TOP, enter, leave

Children = dict[str, tuple[Any, Lowering | None]]


def build(plan: LayerPlan, *, device: str, natives: Mapping[int, Any]) -> Any:
    """The Keras model of a traced model; a shared layer is one layer.

    Raises:
        NotPortableError: Python control flow on tensors, or float64, on an engine that has none.
    """
    if ENGINE == "jax" and plan.dtype == "float64":  # on torch the definition runs on torch's own ops, which have it
        raise NotPortableError(
            "Keras on its engine jax computes in float32 wherever two float64 tensors meet.",
            expected='precision="float32"',
            received='precision="float64"',
            fix="Build for float32, or set KERAS_BACKEND=tensorflow.",
        )
    if ENGINE == "jax" and plan.random == "portable":
        raise NotPortableError(
            "Portable random numbers are made of whole numbers of 64 bits, which Keras' engine jax has only where the whole process "
            "asks for them, and are not proven there.",
            expected='random="native"',
            received='random="portable"',
            fix="Leave random= out, or set KERAS_BACKEND=tensorflow.",
        )
    made = dict(natives)

    def make(part: LayerPlan) -> Any:
        if id(part) not in made:
            made[id(part)] = _make(part)
        return made[id(part)]

    def _make(part: LayerPlan) -> Any:
        lowering, why = lowering_of(part)
        if lowering is not None and part is not plan:
            return made_by(lowering, part)
        if part.dynamic and ENGINE == "jax":
            raise NotPortableError(
                f"forward of {part.title} branches on tensors, which Keras' engine jax cannot trace.", fix=FIX
            )
        with keras.name_scope(layer_name(part)):
            children = {
                key: (make(child), lowering_of(child)[0]) for key, child in part.children.items() if child.reached
            }
        reason = not_a_graph(part, children)
        if reason is None:
            return make_functional(part, children, device)
        if isinstance(part.layer, Model):
            why = f"no functional Keras model: {reason}"
        adapter = make_adapter(part, device, why)
        add_children(adapter, children)
        return adapter

    before = random.getstate()  # Keras' initializers draw their seeds from Python's generator, which is the user's
    try:
        with keras.device(device), outside_graph():
            return make(plan)
    finally:
        random.setstate(before)


def lowering_of(plan: LayerPlan) -> tuple[Lowering | None, str]:
    """The lowering that serves a layer, or None and the reason."""
    if _rounds(plan):
        return None, f"Keras' layers compute in float32 on the engine {ENGINE}"
    if plan.dynamic:
        return None, "a function that it was given branches on tensors in Python"
    return choose(LOWERINGS, "keras", plan)


def _rounds(plan: LayerPlan) -> bool:
    return ROUNDS_FLOAT64 and plan.dtype == "float64"


def made_by(lowering: Lowering, plan: LayerPlan) -> Any:
    """Keras' own layer, built and zero."""
    layer = lowering.make(plan)
    if isinstance(layer, Nested):
        layer.described = (plan, lowering)
    if layer.built:
        set_to_zero(layer)
    else:  # a layer of whom the weights alone are read needs no shape
        build_blank(layer, map_nest(lambda t: t.shape, plan.calls[0].args[0]) if plan.calls else None)
    return layer


# -- functional models -------------------------------------------------------------------------------------------------------


def not_a_graph(plan: LayerPlan, children: Mapping[str, tuple[Any, Any]]) -> str | None:
    """Why a layer cannot be a functional Keras model, or None."""
    if not plan.calls:
        return "it is not called"
    call = plan.calls[-1]
    inputs, nodes = list(symbols((call.args, call.kwargs))), call.nodes
    calls = [node for node in nodes if isinstance(node, LayerCall)]
    ops = [node for node in nodes if isinstance(node, OpCall)]
    called = {id(node.layer) for node in calls}
    names = [native.name for native in {id(native): native for native, _ in children.values()}.values()]
    reasons = {
        "it is a layer, no model": not isinstance(plan.layer, Model),
        "its forward branches on tensors": plan.dynamic,
        "its forward reads weights of its own": bool(plan.weights),
        "its forward reads a weight of its layers": any(isinstance(node, WeightRead) for node in nodes),
        "its forward asks self.training": plan.reads_training,
        "its forward adds a loss": plan.adds_loss,
        "it is called with plain or named arguments": bool(call.kwargs)
        or any(not isinstance(leaf, SymbolicTensor) for leaf in leaves(call.args)),
        "it is called with inputs of different shapes": any(_specs(c.args) != _specs(call.args) for c in plan.calls),
        "its forward has arguments beyond those it was built with": _more_arguments(plan, call),
        "an input is a scalar": any(t.shape == () for t in inputs),
        "an output is None": any(leaf is None for leaf in leaves(call.outputs)),
        "it calls a layer whose output it does not use": any(
            id(child.layer) not in called for child in plan.children.values() if child.reached
        ),
        "an op in its forward takes a function": any(
            callable(leaf) for o in ops for leaf in leaves((o.args, o.kwargs))
        ),
        "an op in its forward draws random numbers": any(o.op.name.startswith("random_") for o in ops),
        "a layer in it runs its definition inside a nested gradient": any(
            lowering is not None and lowering.nested(plan.children[key]) is not None and not isinstance(native, Nested)
            for key, (native, lowering) in children.items()
        ),
        f"keras.ops computes in float32 on the engine {ENGINE}": _rounds(plan) and bool(ops),
        "two of its layers have one name in Keras": len(set(names)) < len(names),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _more_arguments(plan: LayerPlan, call: Call) -> bool:
    """Whether a later call may give arguments that the traced one left at their defaults: a functional model would ignore them."""
    parameters = list(inspect.signature(type(plan.layer).forward).parameters.values())[1:]
    return len(parameters) > len(call.args) + len(call.kwargs) or any(p.kind is p.VAR_KEYWORD for p in parameters)


def _specs(nest: Any) -> Any:
    return map_nest(lambda leaf: getattr(leaf, "spec", leaf), nest)


def make_functional(plan: LayerPlan, children: Children, device: str) -> Any:
    """The traced graph, played on KerasTensors."""
    call = plan.calls[-1]
    values: dict[int, Any] = {}
    names = input_names(plan, {native.name for native, _ in children.values()}, input_name)
    for tensor, name in zip(symbols(call.args), names, strict=True):
        values[id(tensor)] = keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
    bound = {id(plan.children[key].layer): bind_child(plan.children[key], *child) for key, child in children.items()}

    def value(leaf: Any) -> Any:
        return values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf

    with op.running(backend):
        for node in call.nodes:
            if isinstance(node, Placeholder):
                continue
            args, kwargs = map_nest(value, (node.args, node.kwargs))
            result = (bound[id(node.layer)] if isinstance(node, LayerCall) else node.op)(*args, **kwargs)  # type: ignore[attr-defined]
            for leaf, made in zip(leaves(node.outputs), leaves(result), strict=True):
                if isinstance(leaf, SymbolicTensor):
                    values[id(leaf)] = made
    inputs = map_nest(value, call.args[0] if len(call.args) == 1 else list(call.args))
    outputs = map_nest(value, call.outputs)
    name_operations(outputs, {*names, *(native.name for native, _ in children.values())})
    model = functional(inputs, outputs, layer_name(plan))
    held = {key: native.name for key, (native, _) in children.items()}
    model.unidl = Part(plan, device, names=held, lowerings={key: how for key, (_, how) in children.items()})
    return model


def name_operations(outputs: Any, taken: set[str]) -> None:
    """Names for the operations between layers: none is a layer's, and none counts what the process made before.

    Keras names an operation by a counter of the process ("add", "add_1"), and refuses a model in which a layer has that name.
    """
    for operation in reversed(list(dict.fromkeys(node.operation for node in nodes_of(outputs)))):
        if isinstance(operation, keras.layers.Layer):
            continue
        name = re.sub(r"_\d+$", "", operation.name)
        number = 1
        while (free := name if number == 1 else f"{name}_{number}") in taken:
            number += 1
        taken.add(free)
        operation.name = free


# -- using what was built ----------------------------------------------------------------------------------------------------


def run(native: Any, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
    """Call the Keras model in that mode."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with keras.device(native.unidl.device):
            before = enter(
                TOP, native.unidl.begin(training)
            )  # a functional model is run by Keras, and does not count its steps
            try:
                return call_native(native, args, kwargs, training=training)
            finally:
                leave(before)

    if is_disturbed():
        with ambient(f"A call of {native.unidl.plan.title}", native.unidl.device, "evaluation"):
            return call(*args, **kwargs) if training else predicted(native, args, kwargs, call)
    return call(*args, **kwargs) if training else predicted(native, args, kwargs, call)


def set_mode(native: Any, training: bool) -> None:
    """Nothing: a call is told its mode, and the Keras model keeps none."""


def reset_mode(changed: None) -> None:
    """Nothing."""


def child(native: Any, key: str) -> Any:
    """The Keras layer under a key."""
    return child_of(native, key)


def lowered(plan: LayerPlan, native: Any) -> Way:
    """Which Keras layer runs a layer, and why."""
    if hasattr(native, "unidl"):
        reason = native.unidl.reason
        return (
            Way(type(native).__name__, "definition", reason)
            if isinstance(native, Adapter)
            else Way("keras.Model", "native")
        )
    cls = next(cls for cls in type(native).__mro__ if getattr(keras.layers, cls.__name__, None) is cls)
    return Way(
        f"keras.layers.{cls.__name__}",
        "native",
        "" if cls is type(native) else f"{type(native).__qualname__}, a subclass",
    )


def slots(plan: LayerPlan, native: Any) -> Mapping[str, Slot]:
    """The layer's own weights in its Keras layer."""
    return slots_of(plan, native, lowering_of(plan)[0])


def set_trainable(plan: LayerPlan, native: Any, trainable: bool) -> None:
    """Freeze or unfreeze one layer: `trainable` of its variables, and inference mode. What lies below keeps its own."""
    part = getattr(native, "unidl", None)
    if part is None:
        native.trainable = trainable  # Keras' own layer: its parts go with it
        return
    part.frozen = not trainable
    for name, slot in slots(plan, native).items():
        if plan.weights[name].trainable:
            slot.native.trainable = trainable
