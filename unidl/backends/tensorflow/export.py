"""A model as a SavedModel, for inference."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from unidl.backends.tensorflow.module import Adapter, compute
from unidl.backends.tensorflow.ops.random import drawing_from, new_state
from unidl.backends.tensorflow.tracing import Traced
from unidl.description.plan import LayerPlan
from unidl.errors import ExportError
from unidl.graph.node import leaves, map_nest, symbols
from unidl.graph.tensor import SymbolicTensor


class Served(tf.Module):
    """What is saved: the variables, and one function of the input tensors.

    Args:
        native: The model's module; its variables are shared.
    """

    def __init__(self, native: Adapter) -> None:
        super().__init__()
        self.weights = list(native.variables)
        self.random_state = new_state()


def write_savedmodel(plan: LayerPlan, native: Adapter, names: list[str], path: Path) -> None:
    """A folder: the signature "serving_default" takes the inputs by name and gives a dict; calling it takes them in order.

    Raises:
        ExportError: The model was built for inputs that are given by name, or an output is None.
    """
    call = plan.calls[0]
    inputs = list(symbols(call.args))
    if any(symbols(call.kwargs)):
        raise ExportError(
            f"{plan.title} cannot be served: it was built for inputs that are given by name ({', '.join(call.kwargs)}).",
            fix="Build it for inputs in order.",
        )
    served = Served(native)

    def answer(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        values = {id(symbol): tensor for symbol, tensor in zip(inputs, tensors, strict=True)}
        nest = map_nest(lambda leaf: values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf, call.args)
        with drawing_from(served.random_state):
            return _named(plan, compute(native, nest, call.kwargs, training=False))

    specs = [tf.TensorSpec(t.shape, t.dtype, name) for t, name in zip(inputs, names, strict=True)]
    served.__call__ = Traced(answer, "serve", specs).function
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what TensorFlow calls in itself
        tf.saved_model.save(served, str(path), signatures=served.__call__)


def _named(plan: LayerPlan, outputs: Any) -> dict[str, Any]:
    """Outputs by name: a dict's keys, else "output", "output_2"."""
    if any(leaf is None for leaf in leaves(outputs)):
        raise ExportError(
            f"{plan.title} cannot be served: one of its outputs is None.", fix="Leave it out of what forward returns."
        )
    flat = isinstance(outputs, dict) and not any(isinstance(v, (list, tuple, dict)) for v in outputs.values())
    if flat:
        return {str(key): value for key, value in outputs.items()}
    return {"output" if i == 0 else f"output_{i + 1}": value for i, value in enumerate(leaves(outputs))}


WRITERS: dict[str, Callable[[LayerPlan, Adapter, list[str], Path], None]] = {"savedmodel": write_savedmodel}
"""Format -> its writer."""
