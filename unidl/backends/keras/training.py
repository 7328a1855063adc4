"""What a Trainer needs of Keras."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from unidl.backends.contract import LONGEST, Step, Steps, Store
from unidl.backends.keras.engine import ENGINE, keras, own_backend, traced
from unidl.backends.keras.prediction import predicting
from unidl.errors import NotPortableError, UnidlError
from unidl.graph.node import leaves, map_nest
from unidl.graph.spec import TensorSpec


def repeat(step: Step, width: int | None = None) -> Steps:
    """As the engine's own backend repeats steps; on jax a loop in Python."""
    if (own := own_backend()) is not None:
        return own.repeat(step, width)

    def run(
        data: Any, order: Any, first: int, count: int, batch_size: int, states: Any, rates: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        logs = []
        for i in range(count):
            chosen = order[(first + i) * batch_size : (first + i + 1) * batch_size]
            batch = map_nest(lambda whole, chosen=chosen: keras.ops.take(whole, chosen, axis=0), data)
            states, numbers = step(batch, states, {name: float(rate[i]) for name, rate in rates.items()})
            logs.append(numbers)
        return states, {name: keras.ops.stack([numbers[name] for numbers in logs]) for name in logs[0]}

    return run


def compile_steps(step: Step, native: Any, data: Any, jit: bool, store: Store) -> Steps:
    """On TensorFlow one graph for any number of steps and examples; on torch and jax a loop in Python."""
    if ENGINE != "tensorflow":
        if jit:
            raise NotPortableError(
                f"A Keras training step on the engine {ENGINE} cannot be compiled.",
                expected="jit=False, or KERAS_BACKEND=tensorflow",
                fix="Leave jit= out.",
            )
        return repeat(step)

    tracing = threading.RLock()  # one thread traces, and others wait for it

    def run(
        data_now: Any, order: Any, first: int, count: int, batch_size: int, states: Any, rates: Mapping[str, np.ndarray]
    ) -> tuple[Any, dict[str, Any]]:
        full = (first + count) * batch_size <= order.shape[0]
        width = batch_size if jit and full else None
        if width is not None:
            rates = {name: np.resize(rate, LONGEST) for name, rate in rates.items()}
        given_rates = {name: keras.ops.convert_to_tensor(rate, dtype_of(native)) for name, rate in rates.items()}
        key = None if width is None else (width, *[tuple(leaf.shape) for leaf in (*leaves(data_now), order)])
        with tracing:
            graph = store.get(key)
            if graph is None:
                number = TensorSpec((), "int64")
                here = data if width is None else map_nest(_spec, data_now)
                places = TensorSpec((None,), "int64") if width is None else _spec(order)
                vectors = map_nest(lambda r: TensorSpec((None,) if width is None else r.shape, dtype_of(native)), rates)
                signature = (here, places, number, number, number, map_nest(_spec, states), vectors)
                graph = store[key] = traced(repeat(step, width), signature, width is not None)
        numbers = [keras.ops.convert_to_tensor(value, "int64") for value in (first, count, batch_size)]
        states, told = graph(data_now, order, *numbers, states, given_rates)
        return states, told if width is None else {name: value[:count] for name, value in told.items()}

    return run


def explained(error: BaseException) -> UnidlError | None:
    """As the engine's own backend explains it."""
    own = own_backend()
    return None if own is None else own.explained(error)


def dtype_of(native: Any) -> str:
    """The floating dtype of a model, in which its hyperparameters are held."""
    return str(native.unidl.plan.dtype)


def _spec(tensor: Any) -> TensorSpec:
    return TensorSpec(tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype))


def training_mode(native: Any, training: bool) -> AbstractContextManager[object]:
    """Inside, inference keeps no graph for gradients. Keras models have no mode of their own: each call is told."""
    return nullcontext() if training else predicting()
