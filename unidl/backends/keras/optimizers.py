"""Optimizers: the fused kernels of Keras' engine where they compute the definition; else the definition on Keras' variables.

Keras' own optimizers step a variable at a time with small operations, hold the learning rate in float32, and differ from the
definition (Adam's epsilon, where momentum keeps the learning rate). The variables stay Keras' own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unidl.backends.contract import Slot, Stepper
from unidl.backends.keras.engine import keras, outside_graph, own_backend, without_gradient
from unidl.backends.keras.tensor import to_numpy
from unidl.backends.keras.weight import Held
from unidl.backends.stepper import StepperState
from unidl.optimizers import SGD, Adam, AdamW, Optimizer

FUSED = (SGD, Adam, AdamW)


def optimizer(definition: Optimizer, slots: Mapping[str, Slot]) -> Stepper:
    """The engine's kernels for exactly these classes; the definition for others, on jax, and for weights that share a variable."""
    shared = len({id(slot.native) for slot in slots.values()}) < len(slots)  # a kernel would step it twice
    if type(definition) in FUSED and not shared and (own := own_backend()) is not None:
        return own.optimizer(definition, {path: EngineSlot(slot) for path, slot in slots.items()})
    return Defined(definition, slots)


class EngineSlot:
    """A weight as the engine's own backend sees it: the tf.Variable, or torch's parameter, in a Keras variable.

    Args:
        slot: The weight in its Keras layer.
    """

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.view, self.value, self.read = slot.view, slot.value, slot.read
        self.write, self.fill, self.held = slot.write, slot.fill, slot.held
        self.shape, self.is_computed = slot.shape, slot.is_computed

    @property
    def native(self) -> Any:
        """What the engine trains."""
        return self.slot.native.value

    @property
    def natives(self) -> list[Any]:
        """Likewise, as a list."""
        return [self.native]

    @property
    def native_shape(self) -> Any:
        """The shape of the weight's native layout."""
        return self.native.shape


# -- the definition ----------------------------------------------------------------------------------------------------------


class Defined(StepperState):
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

    def count_steps(self, steps: int | None = None) -> int:
        if steps is not None:
            self.steps.assign(steps)
        return int(to_numpy(self.steps))

    def held(self) -> dict[str, dict[str, Held]]:
        return {path: {name: Held(variable) for name, variable in held.items()} for path, held in self.state.items()}

    def read(self, lazily: bool = False) -> dict[str, Any]:
        with outside_graph():  # a Trainer may ask for an optimizer while its step is traced
            return super().read(lazily)

    def write(self, state: Mapping[str, Any]) -> None:
        with outside_graph():  # likewise
            super().write(state)

    def to_numpy(self, tensor: Any) -> np.ndarray:
        return to_numpy(tensor)


def _zeros(slot: Slot) -> Any:
    return keras.Variable(keras.ops.zeros_like(slot.read()), dtype=slot.native.dtype, trainable=False, name="state")
