"""How a description is bound to the Keras layer that runs it, and an adapter to its children: what `self` is in a forward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.module import Adapter, Part, adapter_class, attribute_name, call_native, layer_name, mode
from unidl.backends.keras.weight import Blank, Slot
from unidl.backends.lowering import Lowering
from unidl.description import added
from unidl.description.held import held
from unidl.description.layer import Layer, bind
from unidl.description.plan import LayerPlan
from unidl.description.trace import ChildKey
from unidl.description.unreached import runs_as_a_whole, unreached
from unidl.errors import NativeStructureError, NotPortableError
from unidl.graph.nesting import is_nested
from unidl.graph.node import map_nest


class Binding:
    """Binds a description to the Keras layer that runs it.

    Args:
        native: An adapter, a functional model, or Keras' own layer.
        plan: The layer's plan.
        lowering: How Keras' own layer is called; None for the others.
        parent: The adapter, or functional model, below which the layer is; None for an adapter's own forward.
        key: Under which the parent's plan has it.
        mode: Whether Keras' own layer, whose definition is run, trains.
    """

    locked = True

    def __init__(
        self,
        native: Any,
        plan: LayerPlan,
        lowering: Lowering | None,
        parent: Any = None,
        key: str = "",
        mode: bool = False,
    ) -> None:
        self.native = native
        self.plan = plan
        self.lowering = lowering
        self.parent = parent
        self.key = key
        self.mode = mode

    @property
    def training(self) -> bool:
        return self.mode if self.lowering is not None else bool(self.native.unidl.training)

    def moved(self) -> bool:
        """Whether the user put another layer in this one's place, or in that of a list or dict around it."""
        return self.parent is not None and found_at(self.parent, self.key) is not self.native

    def attribute(self, layer: Layer, name: str) -> Any:
        if self.moved():
            return getattr(bound_child(self.parent, self.key), name)
        if name in self.plan.weights:
            value = slots_of(self.plan, self.native, self.lowering)[name].value()
            # a state is changed in place: what was read before keeps its value, also for the backward pass
            moves = name in self.plan.updated and (self.lowering is not None or self.training)
            return keras.ops.copy(value) if moves else value
        if name in self.plan.structure:
            if not hasattr(self.native, "unidl"):
                raise runs_as_a_whole(self.plan, self.native)
            return bound_nest(self.native, name)
        raise layer._no_attribute(name)

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.moved():
            return bound_child(self.parent, self.key)(*args, **kwargs)
        if self.lowering is None:
            return call_native(self.native, args, kwargs)
        if is_nested() and not isinstance(self.native, Nested) and self.lowering.nested(self.plan) is not None:
            trains = mode.training and self.native.trainable
            return definition(self.native, self.plan, self.lowering, trains).forward(*args, **kwargs)
        return self.lowering.call(layer, self.native, *args, **kwargs)

    def update(self, name: str, value: Any) -> None:
        if self.training:
            slots_of(self.plan, self.native, self.lowering)[name].write(keras.ops.stop_gradient(value))

    def add_loss(self, value: Any) -> None:
        added.add(self.plan.layer, value)

    def add_weight(self, *_: Any) -> None:
        raise RuntimeError("setup does not run on a native object")


def definition(native: Any, plan: LayerPlan, lowering: Lowering, training: bool) -> Layer:
    """The description of a layer that Keras' own runs, bound so that its forward computes with that one's weights."""
    return bind(plan.layer, plan.attributes, Binding(native, plan, lowering, mode=training))


class Nested:
    """A layer of Keras' own that runs its definition while a gradient is taken inside a gradient."""

    described: tuple[LayerPlan, Lowering] | None = None  # set where unidl builds it

    def of_definition(self, *inputs: Any, training: bool = False, **named: Any) -> Any:
        """What the definition's forward computes.

        Raises:
            NotPortableError: Keras made this layer itself, of its configuration.
        """
        if self.described is None:
            raise NotPortableError(
                f"A gradient is taken inside a gradient through a {type(self).__name__} that Keras made of its configuration, and "
                "Keras' own has no right second derivative.",
                fix="Take second derivatives of the model that unidl built: model.copy() copies it.",
            )
        return definition(self, *self.described, training).forward(*inputs, **named)


# -- an adapter and its children ---------------------------------------------------------------------------------------------


def make_adapter(plan: LayerPlan, device: str, reason: str) -> Adapter:
    """The adapter of a layer, with its own weights and no children yet."""
    adapter = adapter_class(type(plan.layer))(name=layer_name(plan), dtype=plan.dtype, autocast=False)
    for name, weight in plan.weights.items():
        variable = adapter.add_weight(
            shape=weight.shape,
            initializer=Blank(),
            dtype=weight.dtype,
            trainable=weight.trainable,
            autocast=False,
            name=name,
        )
        setattr(adapter, attribute_name(name), variable)
    adapter.unidl = Part(plan, device, reason)
    adapter.unidl.bound = bind(plan.layer, plan.attributes, Binding(adapter, plan, None))
    adapter.built = True
    return adapter


def add_children(adapter: Adapter, children: dict[str, tuple[Any, Lowering | None]]) -> None:
    """Put the children under the attributes of the description, in the same lists, tuples and dicts."""
    part = adapter.unidl
    part.lowerings = {key: lowering for key, (_, lowering) in children.items()}
    for name, nest in part.plan.structure.items():
        held = map_nest(lambda leaf: children.get(leaf, (None,))[0] if isinstance(leaf, ChildKey) else leaf, nest)
        setattr(adapter, attribute_name(name), held)


def bind_child(plan: LayerPlan, native: Any, lowering: Lowering | None, parent: Any = None, key: str = "") -> Layer:
    """The description of a child, bound to its native object."""
    return bind(plan.layer, plan.attributes, Binding(native, plan, lowering, parent, key))


def slots_of(plan: LayerPlan, native: Any, lowering: Lowering | None) -> Mapping[str, Slot]:
    """The layer's own weights in its Keras layer, an adapter or what a lowering made."""
    if lowering is None or isinstance(native, Adapter):
        return {name: Slot(native, attribute_name(name)) for name in plan.weights}
    return lowering.slots(plan, native)  # type: ignore[return-value]


def found_at(native: Any, key: str) -> Any:
    """What stands under a key now; None where nothing does."""
    if not isinstance(native, Adapter):
        name = native.unidl.names.get(key)
        return next((layer for layer in native.layers if layer.name == name), None)
    first, *rest = key.split("/")
    found = getattr(native, attribute_name(first), None)
    for step in rest:
        found = _item(found, step)
    return found


def _item(nest: Any, step: str) -> Any:
    if isinstance(nest, dict):
        return nest[step] if step in nest else next((value for key, value in nest.items() if str(key) == step), None)
    return nest[int(step)] if isinstance(nest, (list, tuple)) and int(step) < len(nest) else None


def child_of(native: Any, key: str) -> Any:
    """The Keras layer under a key.

    Raises:
        NativeStructureError: There is none any more.
    """
    found = found_at(native, key)
    if not isinstance(found, keras.layers.Layer):
        raise NativeStructureError(
            f"The native {type(native).__name__} {native.name!r} has no layer {key.replace('/', '.')!r} any more, "
            "so the description does not fit it.",
            fix="Change the description with model.replace(path, layer), or go on with model.native alone.",
        )
    return found


def bound_child(native: Any, key: str) -> Layer:
    """The bound description of a child, as the adapter, or the functional model, stands now."""
    part: Part = native.unidl
    plan = part.plan.children[key]
    if not plan.reached:
        return unreached(plan)
    child, bound = child_of(native, key), part.children.get(key)
    if bound is None or bound.__dict__["_binding"].native is not child:
        bound = part.children[key] = bind_child(plan, child, part.lowerings[key], native, key)
        part.nests.pop(key.partition("/")[0], None)
    return bound


def bound_nest(native: Any, name: str) -> Any:
    """The bound children of one attribute; each looks by itself whether its Keras layer still stands there."""
    part: Part = native.unidl
    structure = part.plan.structure[name]
    return held(
        part.nests, name, structure, lambda leaf: bound_child(native, leaf) if isinstance(leaf, ChildKey) else leaf
    )
