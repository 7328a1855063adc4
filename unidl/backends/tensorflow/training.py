"""What a Trainer needs of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from unidl.backends.contract import LONGEST, Step, Steps, Store
from unidl.backends.tensorflow.module import Adapter
from unidl.backends.tensorflow.ops import random
from unidl.backends.tensorflow.tracing import Traced, in_mode
from unidl.graph.node import leaves, map_nest, pack


def repeat(step: Step, width: int | None = None) -> Steps:
    """A loop in the graph, each step on a batch that is gathered there. For XLA with a `width`, all shapes are known."""

    def run(
        data: Any, order: Any, first: Any, count: Any, batch_size: Any, states: Any, rates: Mapping[str, Any]
    ) -> tuple[Any, dict[str, tf.Tensor]]:
        names: list[str] = []
        # float64 holds every number as it is; how many there are is known when the body is traced
        shape = None if width is None else (_numbers(step, data, order, width, states, rates, names),)
        length = tf.cast(count, tf.int32) if width is None else LONGEST
        logs = tf.TensorArray(tf.float64, size=length, element_shape=shape)

        def body(i: Any, states: Any, logs: tf.TensorArray) -> tuple[Any, Any, tf.TensorArray]:
            place = (first + i) * batch_size
            # a slice's start is a constant to XLA, which would compile anew for each
            chosen = (
                order[place : place + batch_size]
                if width is None
                else tf.gather(order, place + tf.range(width, dtype=tf.int64))
            )
            batch = map_nest(lambda whole: tf.gather(whole, chosen), data)
            given = {name: tf.gather(rate, i) for name, rate in rates.items()}
            after, numbers = step(batch, states, given)
            names[:] = numbers
            after = map_nest(tf.convert_to_tensor, after)
            return i + 1, after, logs.write(tf.cast(i, tf.int32), _row(numbers))

        start = (tf.zeros((), tf.int64), states, logs)
        _, states, logs = tf.while_loop(lambda i, *_: i < count, body, start, parallel_iterations=1)
        table = logs.stack()  # (count, numbers)
        return states, {name: table[:, i] for i, name in enumerate(names)}

    return run


def _row(numbers: Mapping[str, Any]) -> tf.Tensor:
    """The numbers of a step, (numbers,)."""
    return tf.stack([tf.cast(value, tf.float64) for value in numbers.values()]) if numbers else tf.zeros(0, tf.float64)


def _numbers(
    step: Step, data: Any, order: Any, width: int, states: Any, rates: Mapping[str, Any], names: list[str]
) -> int:
    """How many numbers a step gives, and their names, found by tracing it once into a graph that nobody runs."""

    def once(batch: Any, states: Any, given: dict[str, Any]) -> None:
        names[:] = step(batch, states, given)[1]

    blank = map_nest(lambda t: tf.TensorSpec((width, *t.shape[1:]), t.dtype), data)
    before = map_nest(lambda t: tf.TensorSpec(t.shape, t.dtype), states)
    given = {name: tf.TensorSpec((), rate.dtype) for name, rate in rates.items()}
    tf.function(once, autograph=False).get_concrete_function(blank, before, given)
    return len(names)


def compile_steps(step: Step, native: Adapter, data: Any, jit: bool, store: Store) -> Steps:
    """The loop as one tf.function, for any number of examples and steps, and batches of any size.

    With `jit`, XLA compiles it for batches of one size, and the last one, which may be shorter, runs without.
    """
    dtype = native.unidl.plan.dtype
    specs = [tf.TensorSpec(spec.shape, spec.dtype) for spec in leaves(data)]

    def run(
        data: Any, order: Any, first: int, count: int, batch_size: int, states: Any, rates: Mapping[str, np.ndarray]
    ) -> tuple[Any, dict[str, tf.Tensor]]:
        full = (first + count) * batch_size <= order.shape[0]
        width = batch_size if jit and full else None
        if width is not None:
            rates = {name: np.resize(rate, LONGEST) for name, rate in rates.items()}
        # as Python numbers the learning rates would be part of what is traced, and trace anew when they change
        given = (data, order, first, count, batch_size, states, {n: tf.constant(r, dtype) for n, r in rates.items()})

        def make() -> Traced:
            return _traced(repeat(step, width), native, width, specs, given)

        shapes = None if width is None else (width, order.shape[0], *[tuple(leaf.shape) for leaf in leaves(data)])
        function = native.unidl.traced("steps", "step", make, (step, shapes), store)
        native.unidl.runs += 1
        with tf.device(native.unidl.device):
            states, numbers = function(*leaves(given))
        return states, numbers if width is None else {name: value[:count] for name, value in numbers.items()}

    return run


def _traced(steps: Steps, native: Adapter, width: int | None, data: list[tf.TensorSpec], given: Any) -> Traced:
    """The steps, traced for arguments nested as those given."""
    blank = map_nest(lambda _: None, given)
    number = tf.TensorSpec((), tf.int64)
    if width is None:
        rest = [tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in leaves(given[5])]
        rates = [tf.TensorSpec((None,), leaf.dtype) for leaf in leaves(given[6])]
        signature = [*data, tf.TensorSpec((None,), tf.int64), number, number, number, *rest, *rates]
    else:
        fixed = [[tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in leaves(part)] for part in (given[:2], given[5:])]
        signature = [*fixed[0], number, number, number, *fixed[1]]

    def run(*tensors: tf.Tensor) -> Any:
        with native.unidl.tracing("step"), tf.device(native.unidl.device):
            return steps(*pack(blank, tensors))

    return Traced(run, f"{type(native).__name__}_steps", signature, width is not None)


def training_mode(native: tf.Module, training: bool) -> AbstractContextManager[None]:
    """Inside, a module that is called without `training=` runs in that mode."""
    return in_mode(training)


class Generator:
    """(seed, draws so far): what random ops draw from."""

    def seed(self, seed: int) -> None:
        random.state().assign([seed, 0])

    def read(self) -> dict[str, np.ndarray]:
        return {"state": random.state().numpy()}

    def write(self, state: Mapping[str, np.ndarray]) -> None:
        random.state().assign(state["state"])


@contextmanager
def random_state(seed: int, device: Any = None) -> Iterator[Generator]:
    """Inside, random ops draw from the seed; afterwards the state is as it was."""
    before = random.state().numpy()
    generator = Generator()
    generator.seed(seed)
    try:
        yield generator
    finally:
        random.state().assign(before)
