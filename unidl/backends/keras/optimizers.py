"""Optimizers: Keras' own, with the definition's arithmetic where Keras' differs; else the definition on Keras' variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from unidl.backends.contract import Slot
from unidl.backends.keras.engine import keras, outside_graph, without_gradient
from unidl.optimizers import SGD, Adam, AdamW, Optimizer


def optimizer(definition: Optimizer, slots: Mapping[str, Slot]) -> Native | Defined:
    """Keras' own optimizer for exactly the classes in the table, the definition for a subclass or another."""
    return (Native if type(definition) in NATIVE else Defined)(definition, slots)


# -- Keras' own --------------------------------------------------------------------------------------------------------------


class _Step:
    """What the two classes below share: Keras' optimizer with its state, and the definition's step.

    Keras' own Adam adds epsilon before the bias correction, its momentum keeps the learning rate inside, and either computes with
    float32 constants in float64.
    """

    definition: Optimizer
    states: ClassVar[dict[str, str]]  # the definition's state -> the attribute where Keras keeps it

    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One variable's step."""
        index = self._get_variable_index(variable)
        held = {name: getattr(self, attribute)[index] for name, attribute in self.states.items()}
        step = keras.ops.cast(self.iterations + 1, variable.dtype)
        rate = keras.ops.convert_to_tensor(learning_rate, variable.dtype)
        state = {name: keras.ops.convert_to_tensor(value) for name, value in held.items()}
        weight, state = self.definition.update(keras.ops.convert_to_tensor(variable), gradient, state, rate, step)
        variable.assign(weight)
        for name, value in state.items():
            held[name].assign(value)


class SGDWithMomentum(_Step, keras.optimizers.SGD):  # type: ignore[misc]
    """keras.optimizers.SGD with the learning rate outside the momentum."""

    states: ClassVar = {"momentum": "momentums"}


class AdamByThePaper(_Step, keras.optimizers.Adam):  # type: ignore[misc]
    """keras.optimizers.Adam with epsilon after the bias correction."""

    states: ClassVar = {"first_moment": "_momentums", "second_moment": "_velocities"}


def _sgd(definition: SGD, common: dict[str, Any]) -> Any:
    if not definition.momentum:
        return keras.optimizers.SGD(**common)
    return SGDWithMomentum(momentum=definition.momentum, nesterov=definition.nesterov, **common)


def _adam(definition: Adam, common: dict[str, Any]) -> Any:
    return AdamByThePaper(beta_1=definition.beta_1, beta_2=definition.beta_2, epsilon=definition.epsilon, **common)


NATIVE = {SGD: _sgd, Adam: _adam, AdamW: _adam}


class Native:
    """A keras.optimizers object that steps the model's own variables.

    Args:
        definition: What it computes.
        slots: Weight path -> slot. Several may share one variable.
    """

    def __init__(self, definition: Optimizer, slots: Mapping[str, Slot]) -> None:
        self.definition = definition
        decays: dict[int, float] = {}
        self.wanted: list[Any] = []
        for path, slot in slots.items():
            variable = slot.native
            if id(variable) not in decays:
                self.wanted.append(variable)
                decays[id(variable)] = definition.decays(path)
        self._rate: Any = 0.0
        common = {
            "learning_rate": lambda: self._rate,
            # a Python float would be rounded to float32
            "weight_decay": np.float64(definition.weight_decay) if definition.weight_decay else None,
            "name": "optimizer",
        }
        with outside_graph():
            self.native = NATIVE[type(definition)](definition, common)  # type: ignore[operator, arg-type]
            self.native.definition = definition
            self.native.exclude_from_weight_decay([v for v in self.wanted if not decays[id(v)]])
            self.native.build(self.wanted)

    def apply(self, gradients: Sequence[Any], learning_rate: Any) -> None:
        """One step; a gradient for each of `wanted`."""
        self._rate = learning_rate
        with without_gradient():
            self.native.apply(self.definition.clipped(list(gradients)), self.wanted)


# -- the definition ----------------------------------------------------------------------------------------------------------


class Defined:
    """The definition, on canonical weights.

    Args:
        definition: What it computes.
        slots: Weight path -> slot.
    """

    def __init__(self, definition: Optimizer, slots: Mapping[str, Slot]) -> None:
        self.definition = definition
        self.slots = dict(slots)
        self.wanted = list({id(slot.native): slot.native for slot in slots.values()}.values())
        self._position = {id(variable): i for i, variable in enumerate(self.wanted)}
        with outside_graph():
            self.state = {path: {name: _zeros(slot) for name in definition.state_names} for path, slot in slots.items()}
            self.steps = keras.Variable(0, dtype="int64", trainable=False, name="steps")

    def apply(self, gradients: Sequence[Any], learning_rate: Any) -> None:
        """One step; a gradient for each of `wanted`."""
        with without_gradient():
            self.steps.assign_add(1)
            canonical = self.definition.clipped(
                [slot.view(gradients[self._position[id(slot.native)]]) for slot in self.slots.values()]
            )
            for (path, slot), gradient in zip(self.slots.items(), canonical, strict=True):
                weight, held = slot.read(), self.state[path]
                rate = keras.ops.convert_to_tensor(learning_rate, slot.native.dtype)
                step = keras.ops.cast(self.steps, slot.native.dtype)
                weight = weight * (1.0 - rate * self.definition.decays(path))
                state = {name: keras.ops.convert_to_tensor(value) for name, value in held.items()}
                weight, state = self.definition.update(weight, gradient, state, rate, step)
                slot.write(weight)
                for name, value in state.items():
                    held[name].assign(value)


def _zeros(slot: Slot) -> Any:
    return keras.Variable(keras.ops.zeros_like(slot.read()), dtype=slot.native.dtype, trainable=False, name="state")
