"""What a Trainer needs of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf

from unidl.backends.tensorflow.module import Adapter
from unidl.backends.tensorflow.tracing import Traced, in_mode
from unidl.graph.node import leaves, map_nest, pack


def compile_step(step: Callable[..., Any], native: Adapter, batch: Any, jit: bool) -> Callable[..., Any]:
    """The step as one tf.function, which a batch of any length runs. With `jit`, XLA compiles it, once for each length."""
    dtype = native.unidl.plan.dtype
    specs = [tf.TensorSpec(spec.shape, spec.dtype) for spec in leaves(batch)]

    def run(tensors: Any, states: Any, rates: dict[str, float]) -> Any:
        # as Python numbers the learning rates would be part of what is traced, and trace anew when they change
        given = (tensors, states, {name: tf.constant(rate, dtype) for name, rate in rates.items()})
        function = native.unidl.traced(step, "step", lambda: _traced(step, native, jit, specs, given))
        native.unidl.runs += 1
        with tf.device(native.unidl.device):
            return function(*leaves(given))

    return run


def _traced(step: Callable[..., Any], native: Adapter, jit: bool, batch: list[tf.TensorSpec], given: Any) -> Traced:
    """The step, traced for arguments nested as those given."""
    blank = map_nest(lambda _: None, given)
    signature = batch + [tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in leaves(given[1:])]

    def run(*tensors: tf.Tensor) -> Any:
        with native.unidl.tracing("step"), tf.device(native.unidl.device):
            return step(*pack(blank, tensors))

    return Traced(run, f"{type(native).__name__}_step", signature, jit)


def training_mode(native: tf.Module, training: bool) -> AbstractContextManager[None]:
    """Inside, a module that is called without `training=` runs in that mode."""
    return in_mode(training)
