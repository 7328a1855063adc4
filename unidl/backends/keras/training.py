"""What a Trainer needs of Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from unidl.backends.keras.engine import ENGINE, keras, traced, without_gradient
from unidl.errors import NotPortableError
from unidl.graph.node import map_nest
from unidl.graph.spec import TensorSpec


def compile_step(step: Callable[..., Any], native: Any, batch: Any, jit: bool) -> Callable[..., Any]:
    """On TensorFlow one graph for any batch size; on torch and jax the step itself, as Python."""
    if ENGINE != "tensorflow":
        if jit:
            raise NotPortableError(
                f"A Keras training step on the engine {ENGINE} cannot be compiled.",
                expected="jit=False, or KERAS_BACKEND=tensorflow",
                fix="Leave jit= out.",
            )
        return step
    graph: Callable[..., Any] | None = None

    def run(tensors: Any, states: Any, rates: dict[str, float]) -> Any:
        nonlocal graph
        rates = {name: keras.ops.convert_to_tensor(rate, dtype_of(native)) for name, rate in rates.items()}
        if graph is None:
            graph = traced(step, (batch, map_nest(_spec, states), map_nest(_spec, rates)), jit)
        return graph(tensors, states, rates)

    return run


def dtype_of(native: Any) -> str:
    """The floating dtype of a model, in which its hyperparameters are held."""
    return str(native.unidl.plan.dtype)


def _spec(tensor: Any) -> TensorSpec:
    return TensorSpec(tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype))


@contextmanager
def training_mode(native: Any, training: bool) -> Iterator[None]:
    """Inside, inference keeps no graph for gradients. Keras models have no mode of their own: each call is told."""
    if training:
        yield
        return
    with without_gradient():
        yield
