"""What a Trainer needs of TensorFlow."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from unidl.backends.contract import LONGEST, Step, Steps, Store
from unidl.backends.tensorflow.invariant import steps_of
from unidl.backends.tensorflow.module import Adapter
from unidl.backends.tensorflow.ops.loss import explained as explained_targets
from unidl.backends.tensorflow.tensor import to_tensor
from unidl.backends.tensorflow.tracing import Traced, asked_nothing, in_mode
from unidl.errors import UnidlError
from unidl.graph.node import leaves, map_nest, pack
from unidl.ops.indexing import index_error
from unidl.ops.manipulation import not_one
from unidl.ops.undefined import no_quotient


def repeat(step: Step, width: int | None = None) -> Steps:
    """A loop in the graph, each step on a batch that is gathered there. For XLA with a `width`, all shapes are known."""

    def run(
        data: Any, order: Any, first: Any, count: Any, batch_size: Any, states: Any, rates: Mapping[str, Any]
    ) -> tuple[Any, dict[str, tf.Tensor]]:
        names: list[str] = []
        count = tf.cast(count, tf.int32)
        if width is None:
            chosen = _batches(order, first, count, batch_size).read
            # float64 holds every number as it is; how many there are is known when the body is traced
            logs = tf.TensorArray(tf.float64, size=count, infer_shape=False)
        else:
            chosen = _windows(order, first, batch_size, width)
            shape = _shape_of(_numbers(step, data, order, width, states, rates, names))
            logs = tf.TensorArray(tf.float64, size=LONGEST, element_shape=shape)

        def body(i: Any, states: Any, logs: tf.TensorArray) -> tuple[Any, Any, tf.TensorArray]:
            places = chosen(i)
            given = {name: tf.gather(rate, i) for name, rate in rates.items()}
            # a weight moves once its gradient is there: a rate that TensorFlow leaves to the end would keep all of them until then
            with tf.control_dependencies(list(given.values())):
                places = tf.identity(places)
            batch = map_nest(lambda whole: tf.gather(whole, places), data)
            after, numbers = step(batch, states, given)
            names[:] = numbers
            after = map_nest(tf.convert_to_tensor, after)
            return i + 1, after, logs.write(i, _row(numbers))

        start = (tf.zeros((), tf.int32), states, logs)
        with steps_of(batch_size):
            _, states, logs = tf.while_loop(lambda i, *_: i < count, body, start, parallel_iterations=1)
        if not names:
            return states, {}
        table = tf.ensure_shape(logs.stack(), (None, *_shape_of(len(names))))  # (count,) or (count, numbers)
        return states, {names[0]: table} if len(names) == 1 else {name: table[:, i] for i, name in enumerate(names)}

    return run


def _batches(order: tf.Tensor, first: tf.Tensor, count: tf.Tensor, batch_size: tf.Tensor) -> tf.TensorArray:
    """The places of each step's batch, cut before the loop: what does not differ between steps costs none of them anything."""
    chosen = order[first * batch_size : (first + tf.cast(count, tf.int64)) * batch_size]
    starts = tf.range(tf.cast(count, tf.int64)) * batch_size  # (count,)
    lengths = tf.minimum(batch_size, tf.size(chosen, tf.int64) - starts)  # the last batch may have fewer
    return tf.TensorArray(order.dtype, size=count, element_shape=(None,)).split(chosen, lengths)


def _windows(order: tf.Tensor, first: tf.Tensor, batch_size: tf.Tensor, width: int) -> Callable[[Any], tf.Tensor]:
    """The same for XLA: gathered, for a slice's start is a constant to it, and it would compile anew for each."""

    def chosen(i: tf.Tensor) -> tf.Tensor:
        return tf.gather(order, (first + tf.cast(i, tf.int64)) * batch_size + tf.range(width, dtype=tf.int64))

    return chosen


def _shape_of(count: int) -> tuple[int, ...]:
    """Of a step's numbers; a single one, which most have, is written as it is."""
    return () if count == 1 else (count,)


def _row(numbers: Mapping[str, Any]) -> tf.Tensor:
    """The numbers of a step, (numbers,), or the single one."""
    row = [tf.cast(value, tf.float64) for value in numbers.values()]
    return row[0] if len(row) == 1 else tf.stack(row) if row else tf.zeros(0, tf.float64)


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
        # all numbers in one tensor, for Python has much to do for each that it makes; float64 is exact up to 2 ** 53
        numbers = to_tensor(np.concatenate([(first, count, batch_size), *rates.values()], dtype=np.float64))
        given = (data, order, numbers, states)

        def make() -> Traced:
            return _traced(_unpacked(repeat(step, width), list(rates), dtype), native, width, specs, given)

        shapes = None if width is None else (width, order.shape[0], *[tuple(leaf.shape) for leaf in leaves(data)])
        function = native.unidl.traced("steps", "step", make, (step, shapes), store)
        native.unidl.runs += 1
        with tf.device(native.unidl.device):
            states, columns = function.run(list(leaves(given)))
        return states, columns if width is None else {name: column[:count] for name, column in columns.items()}

    return run


def _unpacked(steps: Steps, names: Sequence[str], dtype: str) -> Steps:
    """The steps for their counts and the rates of that many optimizers in one tensor."""

    def run(data: Any, order: Any, numbers: tf.Tensor, states: Any) -> Any:
        first, count, batch_size = tf.unstack(tf.cast(numbers[:3], tf.int64), 3)
        rows = tf.split(tf.cast(numbers[3:], dtype), len(names)) if names else []
        return steps(data, order, first, count, batch_size, states, dict(zip(names, rows, strict=True)))

    return run


def _traced(steps: Steps, native: Adapter, width: int | None, data: list[tf.TensorSpec], given: Any) -> Traced:
    """The steps, traced for arguments nested as those given."""
    blank = map_nest(lambda _: None, given)
    signature = [tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in leaves(given)]
    if width is None:
        open_ended = [tf.TensorSpec((None,), dtype) for dtype in (tf.int64, tf.float64)]
        signature[: len(data) + 2] = [*data, *open_ended]

    def run(*tensors: tf.Tensor) -> Any:
        with native.unidl.tracing("step"), tf.device(native.unidl.device), asked_nothing():
            return steps(*pack(blank, tensors))

    return Traced(run, f"{type(native).__name__}_steps", signature, width is not None)


def explained(error: BaseException) -> UnidlError | None:
    """What it means that a graph refused a number or a shape as it ran, with the line of the user's that computes it."""
    meant = explained_targets(error)
    if meant is None:
        text = str(error)
        for pattern, make in _MEANT.items():
            if found := re.search(pattern, text):
                meant = make(found)
                break
    if meant is not None and (line := _line_of_the_user(error)):
        meant.locate(line)
    return meant


# a kernel's message -> the error that the same call has where it is not in a graph
_MEANT: dict[str, Callable[[re.Match[str]], UnidlError]] = {
    r"indices(\[[\d,]*\])? = (-?\d+) is not in \[0, (\d+)\)": lambda m: index_error(
        int(m[2]), int(m[3]), tuple(int(i) for i in (m[1] or "").strip("[]").split(",") if i)
    ),
    r"Can ?not squeeze dim\[(\d+)\], expected a dimension of 1, got (\d+)": lambda m: not_one(int(m[1]), int(m[2])),
    r"Integer division by zero": lambda _: no_quotient(),
}
_OWN = (f"{Path(__file__).parents[2]}{os.sep}", f"{Path(tf.__file__).parent}{os.sep}")  # unidl, TensorFlow


def _line_of_the_user(error: BaseException) -> str:
    """Where in a forward, a step or a loss the operation that failed was made: "net.py:12, in forward"; "" where in unidl's code."""
    block = str(error).partition("defined at (most recent call last):")[2].partition("Detected at node")[0]
    frames = re.findall(r'File "([^"\n]+)", line (\d+), in (\S+)', block)
    inside = itertools.dropwhile(lambda frame: not frame[0].startswith(_OWN), frames)  # from the call of unidl on
    lines = [frame for frame in inside if not frame[0].startswith(_OWN) and f"{os.sep}keras{os.sep}src" not in frame[0]]
    return f"{Path(lines[-1][0]).name}:{lines[-1][1]}, in {lines[-1][2]}" if lines else ""


def training_mode(native: tf.Module, training: bool) -> AbstractContextManager[object]:
    """Inside, a module that is called without `training=` runs in that mode."""
    return in_mode(training)
