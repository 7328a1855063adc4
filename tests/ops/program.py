"""A function of arrays as each framework compiles it: what an op must bear inside a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from unidl.backends import registry

Function = Callable[..., Any]


def open_shape(array: np.ndarray) -> tuple[int | None, ...]:
    """The array's shape with a batch axis of unknown length."""
    return (None, *array.shape[1:]) if array.ndim else ()


def run_torch(function: Function, arrays: Sequence[np.ndarray]) -> Any:
    """torch.compile without a graph break; its tracer only, for code generation is torch's own business."""
    import torch

    registry.load("torch")  # the compiler cannot follow the import of a backend at the first op
    torch.compiler.reset()
    return torch.compile(function, fullgraph=True, backend="eager")(*(torch.tensor(a) for a in arrays))


def run_tensorflow(function: Function, arrays: Sequence[np.ndarray]) -> Any:
    """tf.function, the batch axis unknown."""
    import tensorflow as tf

    signature = [tf.TensorSpec(open_shape(a), a.dtype) for a in arrays]
    return tf.function(function, input_signature=signature)(*arrays)


def run_keras(function: Function, arrays: Sequence[np.ndarray]) -> Any:
    """A functional Keras model, the batch axis unknown."""
    keras = registry.load("keras").keras
    inputs = [keras.Input(batch_shape=open_shape(a), dtype=a.dtype.name) for a in arrays]
    return keras.Model(inputs, function(*inputs))([keras.ops.convert_to_tensor(a, a.dtype.name) for a in arrays])


RUN = {"torch": run_torch, "tensorflow": run_tensorflow, "keras": run_keras}
