"""What a Trainer needs of Keras."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import numpy as np

from unidl.backends import contract
from unidl.backends.contract import LONGEST, Step, Steps, Store
from unidl.backends.keras.device import of_engine
from unidl.backends.keras.engine import ENGINE, keras, own_backend, traced
from unidl.backends.keras.ops.random import generator
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


class Generator:
    """Keras' seed generator, and the generators of the engine's own backend, where there is one.

    Args:
        engine: Those of the engine.
    """

    def __init__(self, engine: contract.Generator | None) -> None:
        self.engine = engine

    def seed(self, seed: int) -> None:
        generator().state.assign([seed % 2**31, 0])  # 31 bits hold on every engine
        if self.engine is not None:
            self.engine.seed(seed)

    def read(self) -> dict[str, np.ndarray]:
        engine = {} if self.engine is None else {f"engine {k}": v for k, v in self.engine.read().items()}
        return {"state": np.array(keras.ops.convert_to_numpy(generator().state)), **engine}

    def write(self, state: Mapping[str, np.ndarray]) -> None:
        generator().state.assign(state["state"])
        if self.engine is not None:
            self.engine.write({k.removeprefix("engine "): v for k, v in state.items() if k.startswith("engine ")})


@contextmanager
def random_state(seed: int, device: str = "cpu:0") -> Iterator[Generator]:
    """Inside, random ops draw from the seed; afterwards the state is as it was.

    What stands beside a tensor of the engine is drawn by the backend of the engine's name, which is seeded too.
    """
    before = keras.ops.convert_to_numpy(generator().state)
    with ExitStack() as stack:
        stack.callback(generator().state.assign, before)
        engine = None
        if (own := own_backend()) is not None:
            engine = stack.enter_context(own.random_state(seed, of_engine(device)))
        drawn = Generator(engine)
        drawn.seed(seed)
        yield drawn
