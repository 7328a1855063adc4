"""Optimizers: TensorFlow's fused kernels where they compute the definition; else the definition on its variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from unidl.backends.contract import Slot
from unidl.backends.tensorflow.weight import make_variable
from unidl.optimizers import SGD, Adam, AdamW, Optimizer

State = dict[str, tf.Variable]


def optimizer(definition: Optimizer, slots: Mapping[str, Slot]) -> Kernels:
    """The fused kernels for exactly the classes in the table, the definition for a subclass or another."""
    return Kernels(definition, slots, NATIVE.get(type(definition), defined))


class Kernels(tf.Module):
    """Steps variables, with its own state beside each; all of it is tracked, so a tf.train.Checkpoint takes it along.

    Args:
        definition: What it computes.
        slots: Weight path -> slot.
        move: Moves one variable and its state: a fused kernel, or `defined`.
    """

    def __init__(self, definition: Optimizer, slots: Mapping[str, Slot], move: Callable[..., None]) -> None:
        super().__init__(type(definition).__name__)
        self.definition = definition
        self.slots = dict(slots)
        self.move = move
        self.wanted: list[tf.Variable] = [slot.native for slot in slots.values()]
        self.decay = [definition.decays(path) for path in slots]
        # a Trainer asks for an optimizer while its step is traced: the state is no part of that graph
        self.state = [
            {
                name: make_variable(variable.shape, variable.dtype, variable.device, f"{path}/{name}")
                for name in definition.state_names
            }
            for path, variable in zip(slots, self.wanted, strict=True)
        ]
        self.steps = make_variable((), tf.int64, "CPU:0", "steps")

    def apply(self, gradients: Sequence[tf.Tensor], learning_rate: Any) -> None:
        count = self.steps.assign_add(1)
        clipped = self.definition.clipped(list(gradients))
        for variable, gradient, state, decay in zip(self.wanted, clipped, self.state, self.decay, strict=True):
            with tf.device(variable.device):
                rate, step = tf.cast(learning_rate, variable.dtype), tf.cast(count, variable.dtype)
                if decay:
                    variable.assign(variable * (1.0 - rate * decay))
                self.move(self.definition, variable, gradient, state, rate, step)

    def read(self) -> dict[str, Any]:
        weights = {
            path: {name: slot.view(tf.convert_to_tensor(variable)).numpy() for name, variable in state.items()}
            for (path, slot), state in zip(self.slots.items(), self.state, strict=True)
        }
        return {"steps": int(self.steps.numpy()), "weights": weights}

    def write(self, state: Mapping[str, Any]) -> None:
        with tf.init_scope():  # a Trainer may ask for an optimizer while its step is traced
            self.steps.assign(state["steps"])
            for (path, slot), held in zip(self.slots.items(), self.state, strict=True):
                for name, variable in held.items():
                    slot.put(variable, state["weights"][path][name])


# -- TensorFlow's own --------------------------------------------------------------------------------------------------------


def sgd(definition: SGD, variable: tf.Variable, gradient: Any, state: State, rate: Any, step: Any) -> None:
    """ResourceApplyMomentum keeps the learning rate outside its state, as the definition does; its Keras variant does not."""
    if not definition.momentum:
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
        return
    tf.raw_ops.ResourceApplyMomentum(
        var=variable.handle,
        accum=state["momentum"].handle,
        lr=rate,
        grad=gradient,
        momentum=tf.constant(definition.momentum, variable.dtype),
        use_nesterov=definition.nesterov,
    )


def adam(definition: Adam, variable: tf.Variable, gradient: Any, state: State, rate: Any, step: Any) -> None:
    """The kernel adds epsilon before the bias correction: epsilon * sqrt(1 - beta_2^t) makes it the definition's."""
    beta_1, beta_2 = (tf.constant(beta, variable.dtype) for beta in (definition.beta_1, definition.beta_2))
    power_1, power_2 = tf.pow(beta_1, step), tf.pow(beta_2, step)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=state["first_moment"].handle,
        v=state["second_moment"].handle,
        beta1_power=power_1,
        beta2_power=power_2,
        lr=rate,
        beta1=beta_1,
        beta2=beta_2,
        epsilon=tf.constant(definition.epsilon, variable.dtype) * tf.sqrt(1.0 - power_2),
        grad=gradient,
    )


NATIVE: dict[type[Optimizer], Callable[..., None]] = {SGD: sgd, Adam: adam, AdamW: adam}


# -- the definition ----------------------------------------------------------------------------------------------------------


def defined(definition: Optimizer, variable: tf.Variable, gradient: Any, state: State, rate: Any, step: Any) -> None:
    """One variable by the definition."""
    before = {name: tf.convert_to_tensor(value) for name, value in state.items()}
    weight, after = definition.update(tf.convert_to_tensor(variable), gradient, before, rate, step)
    variable.assign(weight)
    for name, value in after.items():
        state[name].assign(value)
