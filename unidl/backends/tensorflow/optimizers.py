"""Optimizers: TensorFlow's fused kernels where they compute the definition; else the definition on its variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from unidl.backends.contract import Held, Slot
from unidl.backends.stepper import StepperState
from unidl.backends.tensorflow.tensor import to_numpy
from unidl.backends.tensorflow.weight import make_variable
from unidl.optimizers import SGD, Adam, AdamW, Optimizer

State = dict[str, tf.Variable]
Moves = list[
    tuple[tf.Variable, tf.Tensor, State]
]  # variables of one device and dtype, each with its gradient and state


def optimizer(definition: Optimizer, slots: Mapping[str, Slot]) -> Kernels:
    """The fused kernels for exactly the classes in the table, the definition for a subclass or another."""
    return Kernels(definition, slots, NATIVE.get(type(definition), defined))


class Kernels(tf.Module, StepperState):
    """Steps variables, with its own state beside each; all of it is tracked, so a tf.train.Checkpoint takes it along.

    Args:
        definition: What it computes.
        slots: Weight path -> slot.
        move: Moves variables and their states: by a fused kernel, or `defined`.
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
        places: dict[tuple[str, tf.DType], list[int]] = {}  # as a rule all weights are of one device and dtype
        for i, variable in enumerate(self.wanted):
            places.setdefault((variable.device, variable.dtype), []).append(i)
        for (device, dtype), chosen in places.items():
            with tf.device(device):
                rate, step = tf.cast(learning_rate, dtype), tf.cast(count, dtype)
                for i in chosen:
                    if self.decay[i]:
                        self.wanted[i].assign(self.wanted[i] * (1.0 - rate * self.decay[i]))
                moves = [(self.wanted[i], clipped[i], self.state[i]) for i in chosen]
                self.move(self.definition, moves, rate, step)

    def count_steps(self, steps: int | None = None) -> int:
        if steps is not None:
            self.steps.assign(steps)
        return int(self.steps.numpy())

    def held(self) -> dict[str, dict[str, Held]]:
        places = zip(self.slots.items(), self.state, strict=True)
        return {path: {name: slot.held(one) for name, one in state.items()} for (path, slot), state in places}

    def read(self, lazily: bool = False) -> dict[str, Any]:
        with tf.init_scope():  # a Trainer may ask for an optimizer while its step is traced
            return super().read(lazily)

    def write(self, state: Mapping[str, Any]) -> None:
        with tf.init_scope():  # likewise
            super().write(state)

    def to_numpy(self, tensor: tf.Tensor) -> np.ndarray:
        return to_numpy(tensor)


# Ops whose result is their input's memory by another name
SAME_MEMORY = ("Identity", "StopGradient", "Reshape", "ExpandDims", "Squeeze")


def readers(variable: tf.Variable) -> list[tf.Operation]:
    """What works with the variable's value in the graph that is being traced.

    A kernel that moves the variable waits for them: it writes into the variable's memory if nobody holds it, else into a copy.
    """
    if tf.executing_eagerly():
        return []
    graph = tf.compat.v1.get_default_graph()
    reads = [op for op in graph.capture(variable.handle).consumers() if op.type == "ReadVariableOp"]
    return [op for read in reads for op in consumers(read.outputs[0])]


def consumers(tensor: tf.Tensor) -> Iterator[tf.Operation]:
    """What works with the tensor, or with the same memory by another name."""
    for op in tensor.consumers():
        yield op
        if op.type in SAME_MEMORY:
            yield from consumers(op.outputs[0])


# -- TensorFlow's own --------------------------------------------------------------------------------------------------------


def sgd(definition: SGD, moves: Moves, rate: Any, step: Any) -> None:
    """ResourceApplyMomentum keeps the learning rate outside its state, as the definition does; its Keras variant does not."""
    momentum = tf.constant(definition.momentum, rate.dtype)
    for variable, gradient, state in moves:
        with tf.control_dependencies(readers(variable)):
            if not definition.momentum:
                tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            else:
                tf.raw_ops.ResourceApplyMomentum(
                    var=variable.handle,
                    accum=state["momentum"].handle,
                    lr=rate,
                    grad=gradient,
                    momentum=momentum,
                    use_nesterov=definition.nesterov,
                )


def adam(definition: Adam, moves: Moves, rate: Any, step: Any) -> None:
    """The kernel adds epsilon before the bias correction: epsilon * sqrt(1 - beta_2^t) makes it the definition's."""
    beta_1, beta_2 = (tf.constant(beta, rate.dtype) for beta in (definition.beta_1, definition.beta_2))
    power_1, power_2 = tf.pow(beta_1, step), tf.pow(beta_2, step)
    epsilon = tf.constant(definition.epsilon, rate.dtype) * tf.sqrt(1.0 - power_2)
    for variable, gradient, state in moves:
        with tf.control_dependencies(readers(variable)):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=state["first_moment"].handle,
                v=state["second_moment"].handle,
                beta1_power=power_1,
                beta2_power=power_2,
                lr=rate,
                beta1=beta_1,
                beta2=beta_2,
                epsilon=epsilon,
                grad=gradient,
            )


NATIVE: dict[type[Optimizer], Callable[..., None]] = {SGD: sgd, Adam: adam, AdamW: adam}


# -- the definition ----------------------------------------------------------------------------------------------------------


def defined(definition: Optimizer, moves: Moves, rate: Any, step: Any) -> None:
    """Each variable by the definition."""
    for variable, gradient, state in moves:
        before = {name: tf.convert_to_tensor(value) for name, value in state.items()}
        weight, after = definition.update(tf.convert_to_tensor(variable), gradient, before, rate, step)
        variable.assign(weight)
        for name, value in after.items():
            state[name].assign(value)
