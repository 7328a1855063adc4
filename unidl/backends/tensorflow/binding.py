"""How a description is bound to the module that runs it, and an adapter to its children: what `self` is in a forward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from unidl.backends.lowering import Lowering
from unidl.backends.tensorflow.module import (
    Adapter,
    Program,
    adapter_class,
    attribute_name,
    forward_of,
    now,
    scope_name,
)
from unidl.backends.tensorflow.tracing import in_layer, is_training
from unidl.backends.tensorflow.weight import Slot, is_frozen, make_variable, variable_of
from unidl.description import added
from unidl.description.held import held
from unidl.description.layer import Layer, bind
from unidl.description.plan import LayerPlan
from unidl.description.trace import ChildKey
from unidl.description.unreached import runs_as_a_whole, unreached
from unidl.errors import NativeStructureError
from unidl.graph.nesting import is_nested


class Binding:
    """Binds a description to the module that runs it.

    Args:
        module: An adapter, or another tf.Module.
        plan: The layer's plan.
        lowering: How another tf.Module is called; None for an adapter, or for what the user put in a layer's place.
        parent: The adapter below which the module is; None for an adapter's own forward.
        key: Under which the parent's plan has it.
    """

    locked = True

    def __init__(
        self,
        module: tf.Module,
        plan: LayerPlan,
        lowering: Lowering | None,
        parent: Adapter | None = None,
        key: str = "",
    ) -> None:
        self.module = module
        self.plan = plan
        self.lowering = lowering
        self.parent = parent
        self.key = key

    def of(self, module: tf.Module) -> Layer:
        """The description, bound to another module: a copy."""
        return bind(self.plan.layer, self.plan.attributes, Binding(module, self.plan, self.lowering))

    @property
    def training(self) -> bool:
        return is_training() and not is_frozen(self.module)

    def moved(self) -> bool:
        """Whether the user put another module in this one's place, or in that of a list or dict around it."""
        return self.parent is not None and found_at(self.parent, self.key) is not self.module

    def attribute(self, layer: Layer, name: str) -> Any:
        if self.moved():
            return getattr(bound_child(self.parent, self.key), name)
        if name in self.plan.weights:
            return slots_of(self.plan, self.module, self.lowering)[name].value()
        if name in self.plan.structure:
            if not isinstance(self.module, Adapter):
                raise runs_as_a_whole(self.plan, self.module)
            return bound_nest(self.module, name)
        raise layer._no_attribute(name)

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.moved():
            return bound_child(self.parent, self.key)(*args, **kwargs)
        # nodes are named after the layer, as its variables are
        with in_layer(self.plan.path), tf.name_scope(scope_name(self.plan)):
            if self.lowering is not None:
                if is_nested() and self.lowering.nested(self.plan) is not None:
                    return layer.forward(*args, **kwargs)
                return self.lowering.call(layer, self.module, *args, **kwargs)
            if isinstance(self.module, Adapter):
                return forward_of(self.module)(*args, **kwargs)
            return self.module(*args, **kwargs)

    def update(self, name: str, value: tf.Tensor) -> None:
        if self.training:
            variable_of(self.module, attribute_name(name)).assign(tf.stop_gradient(value))

    def add_loss(self, value: Any) -> None:
        added.add(self.plan.layer, value)

    def add_weight(self, *_: Any) -> None:
        raise RuntimeError("setup does not run on a native object")


# -- an adapter and its children ---------------------------------------------------------------------------------------------


def make_adapter(plan: LayerPlan, device: str, base: type[Adapter]) -> Adapter:
    """The adapter of a layer, with its own variables and no children yet."""
    module = adapter_class(type(plan.layer), base)()
    module.unidl = Program(plan, device)
    module.unidl.bound = bind(plan.layer, plan.attributes, Binding(module, plan, None))
    for name, weight in plan.weights.items():
        label = f"{scope_name(plan).rstrip('/')}/{name}"
        variable = make_variable(weight.shape, weight.dtype, device, label, weight.trainable)
        setattr(module, attribute_name(name), variable)
    return module


def add_children(module: Adapter, children: dict[str, tuple[tf.Module, Lowering | None]]) -> None:
    """Put the children under their keys, lists and dicts as lists and dicts."""
    plan = module.unidl.plan

    def native(nest: Any) -> Any:
        if isinstance(nest, (list, tuple)):
            return [native(item) for item in nest]
        if isinstance(nest, dict):
            return {str(key): native(item) for key, item in nest.items()}
        if isinstance(nest, ChildKey):
            return children[nest][0] if nest in children else None  # a layer that no forward calls is not built
        return nest

    for name, nest in plan.structure.items():
        setattr(module, attribute_name(name), native(nest))
    module.unidl.lowerings = {key: lowering for key, (_, lowering) in children.items()}


def slots_of(plan: LayerPlan, native: tf.Module, lowering: Lowering | None) -> Mapping[str, Slot]:
    """The layer's own weights in its module, an adapter or what a lowering made."""
    if lowering is None or isinstance(native, Adapter):
        return {name: Slot(native, attribute_name(name)) for name in plan.weights}
    return lowering.slots(plan, native)  # type: ignore[return-value]


def found_at(module: tf.Module, key: str) -> Any:
    """What stands under a key now; None where nothing does."""
    first, *rest = key.split("/")
    found = getattr(module, attribute_name(first), None)
    for part in rest:
        found = now(found, int(part) if isinstance(found, list) else part)
    return found


def child_of(module: tf.Module, key: str) -> Any:
    """The module under a key.

    Raises:
        NativeStructureError: There is none any more.
    """
    found = found_at(module, key)
    if found is None:
        raise NativeStructureError(
            f"The native {type(module).__name__} has no module {key.replace('/', '.')!r} any more, so the description does not fit it.",
            fix="Change the description with model.replace(path, layer), or go on with model.native alone.",
        )
    return found


def bound_child(module: Any, key: str) -> Layer:
    """The bound description of a child, as the module stands now."""
    program: Program = module.unidl
    plan = program.plan.children[key]
    if not plan.reached:
        return unreached(plan)
    child, bound = child_of(module, key), program.bound_children.get(key)
    if bound is None or bound.__dict__["_binding"].module is not child:
        bound = bind(plan.layer, plan.attributes, Binding(child, plan, program.lowerings[key], module, key))
        program.bound_children[key] = bound
        program.nests.pop(key.partition("/")[0], None)
    return bound


def bound_nest(module: Adapter, name: str) -> Any:
    """The bound children of one attribute; each looks by itself whether its module still stands there."""
    program = module.unidl
    structure = program.plan.structure[name]
    return held(
        program.nests, name, structure, lambda leaf: bound_child(module, leaf) if isinstance(leaf, ChildKey) else leaf
    )
