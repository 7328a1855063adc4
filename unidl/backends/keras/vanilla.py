"""A model as plain Keras: its own, untouched layers, and its own operations between them. No class of unidl's is in it.

The traced definition is played once more on KerasTensors, in inference. Where Keras has a class that infers the same, that class
stands there and gets the weights; of any other layer the definition is played, so that it becomes `keras.ops`. Differences in
training (a moving variance, the generator of a dropout, the gradient at a tie) do not count here: the file holds what Keras has.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np

import unidl.backends.keras as backend
from unidl.backends.keras.binding import child_of
from unidl.backends.keras.deferred import Deferred, Length, plainly
from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers import NATIVES
from unidl.backends.keras.module import functional, input_name, layer_name, spec_of
from unidl.backends.keras.native import initializers_of, lowering_of
from unidl.backends.keras.program import made_by, name_operations, slots
from unidl.backends.lowering import Lowering, choose, keeper
from unidl.description.layer import Layer, bind
from unidl.description.plan import LayerPlan
from unidl.description.trace import ChildKey
from unidl.description.unreached import unreached
from unidl.errors import ExportError
from unidl.graph.node import LayerCall, Node, OpCall, Placeholder, WeightRead, leaves, map_nest, symbols
from unidl.graph.tensor import SymbolicTensor
from unidl.layers import Embedding
from unidl.models.input_names import input_names
from unidl.native.row import Native
from unidl.ops import op

# -- what a file tolerates ---------------------------------------------------------------------------------------------------

TOLERATED = ("training", "ties", "errors", "integers")


def refuses(row: Native, plan: LayerPlan) -> str | None:
    """Why Keras' class does not stand in a file; rounding counts where there are operations that do not."""
    return row.refuses(plan, (*TOLERATED, "float64") if plan.weights else TOLERATED)


INFERENCE: dict[type, Lowering] = {
    layer: replace(lowering_of(row), refuses=partial(refuses, row)) for layer, row in NATIVES.items()
}
"""How plain Keras runs each layer in inference."""


class Unmasked:
    """A layer of Keras' own that is given a mask, in a call whose outputs hand none on to the layers behind it.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outputs = self.layer(*args, **kwargs)
        return outputs if kwargs.get("mask") is None else map_nest(keras.ops.copy, outputs)


CUSTOM = (
    'unidl.export(model, "keras", path, custom="constants") writes its definition as operations, for inference only, its weights '
    'as constants; custom="layers" writes a file with a real Keras layer beside it.'
)

# -- playing -----------------------------------------------------------------------------------------------------------------


class Part:
    """Binds a description whose definition is played into the graph.

    Args:
        player: Plays the model.
        plan: The layer's plan.
        native: Its native object, which has the weights.
    """

    locked = True
    training = False

    def __init__(self, player: Player, plan: LayerPlan, native: Any) -> None:
        self.player = player
        self.plan = plan
        self.native = native

    def attribute(self, layer: Layer, name: str) -> Any:
        if name in self.plan.weights:
            return self.player.weight(self, name)
        if name in self.plan.structure:
            nest = self.plan.structure[name]
            return map_nest(lambda leaf: self.child(leaf) if isinstance(leaf, ChildKey) else leaf, nest)
        raise layer._no_attribute(name)

    def child(self, key: str) -> Layer:
        if not self.plan.children[key].reached:
            return unreached(self.plan.children[key])
        return self.player.bound(self.plan.children[key], child_of(self.native, key))

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.player.played(self, layer, args, kwargs)

    def update(self, name: str, value: Any) -> None:
        """Nothing: a state stays as it is in inference."""

    def add_loss(self, value: Any) -> None:
        """Nothing: a file holds a model in inference."""

    def add_weight(self, *_: Any) -> None:
        raise RuntimeError("setup does not run on a native object")


class Player:
    """Plays a model's definition on KerasTensors.

    Args:
        custom: What becomes of a layer with weights that Keras has not: None refuses it, "constants" plays its definition.
    """

    def __init__(self, custom: str | None) -> None:
        self.custom = custom
        self.anchor: Any = None  # one of the model's inputs: what depends on none is no part of a functional model
        self.made: dict[int, tuple[Lowering | None, str, Any]] = {}
        self.filled: list[tuple[LayerPlan, Any, Any, Lowering]] = []

    def bound(self, plan: LayerPlan, native: Any) -> Layer:
        """The description, bound to be played."""
        return bind(plan.layer, plan.attributes, Part(self, plan, native))

    def played(self, part: Part, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call of a layer."""
        lowering, why, vanilla = self._made(part)
        if lowering is not None:
            return lowering.call(layer, Unmasked(vanilla), *args, **kwargs)
        self._check(part.plan, why)
        with _telling(part.plan):
            return self._definition(part, layer, args, kwargs)

    def _definition(self, part: Part, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The traced nodes, in which Python's operators are unidl's ops; forward itself where a node takes a function."""
        given = map_nest(spec_of, (args, kwargs))
        call = next((c for c in part.plan.calls if map_nest(spec_of, (c.args, c.kwargs)) == given), None)
        if call is None or not all(_stands_alone(node, part.plan.layer) for node in call.nodes):
            return layer.forward(*args, **kwargs)
        inputs = zip(leaves((call.args, call.kwargs)), leaves((args, kwargs)), strict=True)
        values = {id(leaf): value for leaf, value in inputs if isinstance(leaf, SymbolicTensor)}
        keys = {id(plan.layer): key for key, plan in part.plan.children.items()}

        def value(leaf: Any) -> Any:
            return values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf

        for node in call.nodes:
            if isinstance(node, Placeholder):
                continue
            now, named = map_nest(value, (node.args, node.kwargs))
            if isinstance(node, WeightRead):
                made = self.weight(part, node.name)
            elif isinstance(node, LayerCall):
                made = part.child(keys[id(node.layer)])(*now, **named)
            else:
                made = node.op(*now, **named)  # type: ignore[attr-defined]
            values |= {id(leaf): one for leaf, one in zip(leaves(node.outputs), leaves(made), strict=True)}
        return map_nest(value, call.outputs)

    def weight(self, part: Part, name: str) -> Any:
        """A weight that a definition reads: of the layer that is played, or of another one."""
        lowering, why, vanilla = self._made(part)
        if lowering is None:
            self._check(part.plan, why)
        elif isinstance(part.plan.layer, Embedding):  # called on every index it gives its table: no copy of it
            zero = keras.ops.cast(keras.ops.sum(keras.ops.zeros_like(self.anchor)), "int64")
            return vanilla(keras.ops.add(zero, np.arange(part.plan.layer.input_dim)))
        elif self.custom is None:
            raise ExportError(
                f"The weight {name!r} of {part.plan.title} is read by another layer, and in plain Keras only the layer itself does.",
                expected="to be told how it is to leave",
                fix=CUSTOM,
            )
        return keras.ops.convert_to_tensor(keras.ops.copy(slots(part.plan, part.native)[name].read()))

    def _made(self, part: Part) -> tuple[Lowering | None, str, Any]:
        if id(part.plan) not in self.made:
            self.made[id(part.plan)] = self._make(part)
        return self.made[id(part.plan)]

    def _make(self, part: Part) -> tuple[Lowering | None, str, Any]:
        lowering, why = choose(INFERENCE, backend.NAME, part.plan)
        if lowering is None:
            return None, why, None
        made = lowering.make(part.plan)
        cls = own_class(type(made))
        if cls is None:
            return None, f"{type(made).__name__} is no class of Keras' own", None
        config = made.get_config()
        names = {layer.name for _, _, layer, _ in self.filled}
        free = (name for n in count(1) if (name := config["name"] + (f"_{n}" if n > 1 else "")) not in names)
        vanilla = cls.from_config({**config, **initializers(part.plan, cls), "name": next(free)})
        self.filled.append((part.plan, part.native, vanilla, lowering))
        return lowering, "", vanilla

    def _check(self, plan: LayerPlan, why: str) -> None:
        if plan.dynamic:
            raise ExportError(
                f"{plan.title} cannot be exported to Keras: its forward branches on a tensor in Python, and a functional "
                "model has no branches."
            )
        own = "weights of its own" if plan.weights else "another meaning in training" if plan.reads_training else ""
        if own and self.custom is None:
            raise ExportError(
                f"{plan.title} has {own}, and plain Keras has no class for it: {why}.",
                expected="to be told how it is to leave",
                fix=CUSTOM,
            )

    def fill(self) -> None:
        """Write the weights, and let frozen layers rest."""
        for plan, native, vanilla, lowering in self.filled:
            targets = lowering.slots(plan, vanilla)
            for name, slot in slots(plan, native).items():
                targets[name].write(slot.read())
            vanilla.trainable = not plan.layer._unidl.frozen


def _stands_alone(node: Node, layer: Layer) -> bool:
    """Whether a traced node can be played without the forward that made it."""
    if isinstance(node, WeightRead):
        return node.layer is layer
    return not (isinstance(node, OpCall) and any(callable(leaf) for leaf in leaves((node.args, node.kwargs))))


def own_class(cls: type) -> Any:
    """Keras' own class behind one of unidl's small subclasses; None for a class that is neither."""
    found = next(base for base in cls.__mro__ if not base.__module__.startswith("unidl."))
    return found if found.__module__.startswith("keras.") and found is not keras.layers.Layer else None


def initializers(plan: LayerPlan, cls: Any) -> dict[str, Any]:
    """What Keras would draw the weights from, should somebody start anew: the description's, by name, else Keras' own."""
    wanted = {name: getattr(plan.layer, name, None) for name in initializers_of(cls)}
    return {
        name: wanted[name] if isinstance(wanted[name], str) else usual for name, usual in initializers_of(cls).items()
    }


@contextmanager
def _telling(plan: LayerPlan) -> Iterator[None]:
    """What Keras cannot record is the layer's matter, not a crash."""
    try:
        yield
    except ExportError:
        raise
    # what Keras, or code that needs values, raises on a KerasTensor
    except (TypeError, ValueError, AttributeError, NotImplementedError, RuntimeError) as error:
        raise ExportError(
            f"{plan.title} cannot be exported to Keras: an operation of its definition cannot stand in a functional model.",
            received=f"{type(error).__name__}: {error}"[:500],
            fix='custom="layers" writes it as a Keras layer in a file beside; or export to another format.',
        ) from error


def vanilla_model(plan: LayerPlan, native: Any, custom: str | None) -> Any:
    """A functional Keras model of Keras' own classes alone, with the weights of the native object.

    Raises:
        ExportError: A layer cannot be there.
    """
    call = plan.calls[0]
    if any(symbols(call.kwargs)):
        raise ExportError(
            f"{plan.title} cannot be a functional Keras model: it was built for inputs that are given by name "
            f"({', '.join(call.kwargs)}).",
            fix="Build it for inputs in order.",
        )
    if any(tensor.shape == () for tensor in symbols(call.args)):
        raise ExportError(
            f"{plan.title} cannot be a functional Keras model: an input is a scalar, without a batch axis."
        )
    player = Player(custom)
    taken = {layer_name(part) for part in plan.walk()}
    before = random.getstate()  # Keras' initializers draw their seeds from Python's generator, which is the user's
    try:
        with keras.device("cpu"), plainly(), op.running(backend):
            inputs = [
                keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
                for tensor, name in zip(symbols(call.args), input_names(plan, taken, input_name), strict=True)
            ]
            player.anchor = inputs[0]
            values = dict(zip(map(id, symbols(call.args)), inputs, strict=True))
            args = map_nest(lambda leaf: values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf, call.args)
            outputs = player.played(Part(player, plan, native), player.bound(plan, native), args, call.kwargs)
            return _model(plan, args, inputs, outputs, taken, player)
    finally:
        random.setstate(before)


def _model(plan: LayerPlan, args: Any, inputs: list[Any], outputs: Any, taken: set[str], player: Player) -> Any:
    if any(not isinstance(leaf, keras.KerasTensor) for leaf in leaves(outputs)):
        raise ExportError(
            f"{plan.title} cannot be a Keras model: one of its outputs is None or depends on no input.",
            fix="Leave it out of what forward returns.",
        )
    name_operations(outputs, taken | {tensor.name for tensor in inputs})
    only_tensors = len(args) == 1 and all(isinstance(leaf, keras.KerasTensor) for leaf in leaves(args))
    model = functional(args[0] if only_tensors else inputs, outputs, layer_name(plan))
    strange = [operation for operation in model.operations if not type(operation).__module__.startswith("keras.")]
    if strange:
        names = {
            operation.op if isinstance(operation, Deferred) else "shape"
            for operation in strange
            if isinstance(operation, (Deferred, Length))
        }
        raise ExportError(
            f"{plan.title} cannot be a file of plain Keras: it would hold what Keras has not.",
            received=", ".join(sorted(names)) or type(strange[0]).__name__,
        )
    player.fill()
    return model


def vanilla_layer(plan: LayerPlan) -> tuple[Any, Mapping[str, Any]] | None:
    """Keras' own layer for a plan, built and outside any model, and its slots; None where Keras has none."""
    lowering = keeper(INFERENCE, backend.NAME, plan)
    if lowering is None:
        return None
    before = random.getstate()
    try:
        with keras.device("cpu"):
            layer = made_by(lowering, plan)
    finally:
        random.setstate(before)
    return layer, lowering.slots(plan, layer)
