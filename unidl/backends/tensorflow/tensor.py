"""Arrays to TensorFlow tensors and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from unidl.backends.contract import Backend
from unidl.graph.array import as_array, holds_floats, is_array
from unidl.graph.node import map_nest


def accepts_tensors_of(other: Backend) -> bool:
    """Whether that backend's tensors are what this one's engine computes with."""
    return False


def is_compiling() -> bool:
    """Never: TensorFlow traces by running Python, where a ContextVar can be read."""
    return False


def arrays_to_tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """NumPy arrays in an op's arguments as tensors; floating ones in the dtype of the float tensors beside."""
    dtype: tf.DType | None = None

    def look(value: Any) -> Any:
        nonlocal dtype
        if dtype is None and isinstance(value, (tf.Tensor, tf.Variable)) and value.dtype.is_floating:
            dtype = value.dtype
        return value

    def turn(value: Any) -> Any:
        if not is_array(value):
            return value
        tensor = tf.convert_to_tensor(value)
        return tf.cast(tensor, dtype) if dtype is not None and holds_floats(value) else tensor

    map_nest(look, (args, kwargs))
    turned: tuple[tuple[Any, ...], dict[str, Any]] = map_nest(turn, (args, kwargs))
    return turned


def to_tensor(value: Any, dtype: str | None = None, device: Any = None, share: bool = False) -> tf.Tensor:
    """An array, a number, nested lists of numbers or a tensor as a tensor; TensorFlow copies arrays itself."""
    if device is not None:
        with tf.device(device):
            return tf.identity(to_tensor(value, dtype))
    tensor = tf.convert_to_tensor(value if isinstance(value, (tf.Tensor, tf.Variable)) else as_array(value))
    return tensor if dtype is None else tf.cast(tensor, dtype)


def to_numpy(tensor: Any) -> np.ndarray:
    """A tensor or variable as an array, off its device; bfloat16 as float32, for NumPy has none."""
    array = np.asarray(tensor.numpy())
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
