"""Arrays to tensors of Keras' engine and back."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from unidl.backends.contract import Backend
from unidl.backends.keras.device import of_engine
from unidl.backends.keras.engine import ENGINE, keras, own_backend
from unidl.graph.array import all_finite, as_array, holds_floats, is_array, native_array
from unidl.graph.node import map_nest
from unidl.graph.spec import Shape, is_float
from unidl.lazy_array import LazyArray

# jax has no backend of its own here, so its tensors are Keras'; the other engines' belong to the backends of their names.
TENSOR_TYPES: tuple[type, ...] = (keras.KerasTensor, keras.Variable)
if ENGINE == "jax":
    TENSOR_TYPES += (sys.modules["jax"].Array,)  # imported by Keras


def accepts_tensors_of(other: Backend) -> bool:
    """Whether that backend's tensors are what Keras' engine computes with."""
    return other.NAME == ENGINE


def is_compiling() -> bool:
    """Whether the engine's compiler is tracing right now where a ContextVar cannot be read: torch's only."""
    return ENGINE == "torch" and bool(sys.modules["torch"].compiler.is_compiling())


def arrays_to_tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """NumPy arrays in an op's arguments as tensors; floating ones in the dtype of the float tensors beside."""
    dtype: str | None = None

    def look(value: Any) -> Any:
        nonlocal dtype
        if dtype is None and is_tensor(value) and is_float(keras.backend.standardize_dtype(value.dtype)):
            dtype = keras.backend.standardize_dtype(value.dtype)
        return value

    def turn(value: Any) -> Any:
        if not is_array(value):
            return value
        return keras.ops.convert_to_tensor(
            native_array(value), dtype if dtype is not None and holds_floats(value) else value.dtype.name
        )

    map_nest(look, (args, kwargs))
    turned: tuple[tuple[Any, ...], dict[str, Any]] = map_nest(turn, (args, kwargs))
    return turned


def is_tensor(value: Any) -> bool:
    """Whether it is the engine's tensor, a Keras variable or a KerasTensor."""
    return isinstance(value, TENSOR_TYPES) or keras.ops.is_tensor(value)


# what Keras and each engine's own backend make the same tensors of; others differ, as uint16 in torch
_ALIKE = frozenset(["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"])


def to_tensor(value: Any, dtype: str | None = None, device: Any = None, share: bool = False) -> Any:
    """An array, a number, nested lists of numbers or a tensor as a tensor; arrays are copied unless they may be shared."""
    if device is not None:
        own, place = own_backend(), of_engine(device)
        if own is not None and place is not None and type(value) is np.ndarray and value.dtype.name in _ALIKE:
            return own.to_tensor(value, dtype, place, share)
        with keras.device(device):
            return to_tensor(value, dtype, share=share)
    if isinstance(value, keras.KerasTensor) and dtype is None:
        return value
    if is_tensor(value):
        return keras.ops.convert_to_tensor(value) if dtype is None else keras.ops.cast(value, dtype)
    given = as_array(value, dtype)
    array = np.array(given, order="C", copy=None if share and given.flags.writeable else True)
    return keras.ops.convert_to_tensor(array, dtype or array.dtype.name)


def plain(value: Any) -> Any:
    """The tensor in a Keras variable, which keras.ops.convert_to_tensor hands back as it is on TensorFlow; others unchanged."""
    return keras.ops.cast(value, value.dtype) if isinstance(value, keras.Variable) else value


def blank(shape: tuple[int, ...], dtype: str) -> Any:
    """Zeros, as the engine's own backend makes them."""
    own = own_backend()
    return keras.ops.zeros(shape, dtype) if own is None else own.blank(shape, dtype)


def fill(tensor: Any, array: LazyArray) -> None:
    """Overwrite a variable of Keras', or of the engine's own, as the engine's own backend does."""
    own = own_backend()
    if own is None:
        tensor.assign(array.read())
    else:
        own.fill(tensor.value if isinstance(tensor, keras.Variable) else tensor, array)


def to_numpy(tensor: Any) -> np.ndarray:
    """A tensor or variable as an array, off its device and graph; bfloat16 as float32, for NumPy has none."""
    tensor, own = plain(tensor), own_backend()
    if own is not None and isinstance(tensor, own.TENSOR_TYPES):
        return own.to_numpy(tensor) if ENGINE == "tensorflow" else own.to_numpy(tensor).copy()
    array = np.asarray(keras.ops.convert_to_numpy(tensor))
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def at_hand(tensor: Any) -> np.ndarray | None:
    """The values of a tensor, where the engine's own backend can say; jax computes later."""
    tensor, own = plain(tensor), own_backend()
    return own.at_hand(tensor) if own is not None and isinstance(tensor, own.TENSOR_TYPES) else None


def ensure_shape(tensor: Any, shape: Shape) -> Any:
    """As the engine's own backend; jax knows every shape."""
    tensor, own = plain(tensor), own_backend()
    return own.ensure_shape(tensor, shape) if own is not None and isinstance(tensor, own.TENSOR_TYPES) else tensor


def finite(tensors: Sequence[Any]) -> list[bool]:
    """Of each whether it holds neither NaN nor infinity; as the engine's own backend, where there is one."""
    held, own = [t.value if isinstance(t, keras.Variable) else t for t in tensors], own_backend()
    return [all_finite(to_numpy(tensor)) for tensor in held] if own is None else own.finite(held)
