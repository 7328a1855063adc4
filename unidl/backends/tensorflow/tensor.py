"""Arrays to TensorFlow tensors and back."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from unidl.backends.contract import Backend
from unidl.errors import ContextError
from unidl.graph.array import all_finite, as_array, holds_floats, is_array, native_array
from unidl.graph.node import map_nest
from unidl.graph.spec import Shape
from unidl.lazy_array import LazyArray


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
        tensor = tf.convert_to_tensor(native_array(value))
        return tf.cast(tensor, dtype) if dtype is not None and holds_floats(value) else tensor

    map_nest(look, (args, kwargs))
    turned: tuple[tuple[Any, ...], dict[str, Any]] = map_nest(turn, (args, kwargs))
    return turned


def to_tensor(value: Any, dtype: str | None = None, device: Any = None, share: bool = False) -> tf.Tensor:
    """An array, a number, nested lists of numbers or a tensor as a tensor."""
    if device is not None and not is_only_device():
        with tf.device(device):
            return tf.identity(to_tensor(value, dtype, share=share))
    if type(value) is not np.ndarray and isinstance(value, (tf.Tensor, tf.Variable)):
        tensor = tf.convert_to_tensor(value)
    else:
        array = as_array(value, dtype)
        lent = array.dtype.name in LENT and array.dtype.isnative and array.size and tf.executing_eagerly()
        tensor = _lent(array, dtype, share) if lent else tf.convert_to_tensor(array)
    return tensor if dtype is None or tensor.dtype.name == dtype else tf.cast(tensor, dtype)


@functools.cache
def is_only_device() -> bool:
    """Whether TensorFlow has one device, where every tensor lies then. Asking starts its runtime, as a tensor does."""
    return len(tf.config.list_logical_devices()) == 1


ALIGNED = 64  # TensorFlow's kernels read memory that begins at a multiple of it, and end the process where it does not
LENT = frozenset(["bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8"])
CAST = frozenset(["float32", "float64", "int32", "int64"])  # which NumPy rounds as TensorFlow does


def _lent(array: np.ndarray, dtype: str | None, share: bool) -> tf.Tensor:
    """A tensor in an array's memory: that of the array itself where it is shared and fits, else of one copy.

    tf.convert_to_tensor makes up to two, one in Python and, unless that happens to be aligned, another behind it.
    """
    wanted = np.dtype(dtype) if dtype in CAST and not (array.dtype.kind == "f" and dtype[0] == "i") else array.dtype
    flags = array.flags
    fits = share and wanted == array.dtype and flags.c_contiguous and flags.writeable and _address(array) % ALIGNED == 0
    return tf.experimental.dlpack.from_dlpack((array if fits else _aligned(array, wanted)).__dlpack__())


def fill(tensor: tf.Variable, array: LazyArray) -> None:
    """Overwrite a variable; of a large array the memory that it is read into becomes the variable's own.

    Of others TensorFlow makes a copy: in memory that it has from the variable written before.
    """
    if array.dtype.name in LENT and array.nbytes >= LARGE:
        value = tf.experimental.dlpack.from_dlpack(array.read(_room(array.shape, array.dtype)).__dlpack__())
    else:
        value = tf.constant(array.read())
    tensor.assign(value if tensor.dtype == value.dtype else tf.cast(value, tensor.dtype))


ERRORS: tuple[type[Exception], ...] = (tf.errors.OpError,)


def _address(array: np.ndarray) -> int:
    """Where its memory begins."""
    address: int = array.__array_interface__["data"][0]
    return address


def _aligned(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A copy that begins where TensorFlow wants it."""
    copy = _room(array.shape, dtype)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, as TensorFlow has it
        np.copyto(copy, array, casting="unsafe")
    return copy


LARGE = 2**20  # bytes of which no second copy is made, not for a moment; of so many the system has pages of zeros


def blank(shape: tuple[int, ...], dtype: str) -> tf.Tensor:
    """Zeros; large ones take no memory before they are written, for TensorFlow gives none back."""
    if dtype not in LENT or math.prod(shape) * np.dtype(dtype).itemsize < LARGE or not is_only_device():
        return tf.zeros(shape, dtype)
    return tf.experimental.dlpack.from_dlpack(_room(shape, np.dtype(dtype), np.zeros).__dlpack__())


def _room(shape: tuple[int, ...], dtype: np.dtype, make: Callable[..., np.ndarray] = np.empty) -> np.ndarray:
    """Memory for an array, which begins where TensorFlow wants it."""
    size = math.prod(shape) * dtype.itemsize
    room = make(size + ALIGNED, np.uint8)
    start = -_address(room) % ALIGNED
    return room[start : start + size].view(dtype).reshape(shape)


def to_numpy(tensor: Any) -> np.ndarray:
    """A tensor or variable as an array, off its device; bfloat16 as float32, for NumPy has none.

    Raises:
        ContextError: It is a tensor of a graph that is being traced.
    """
    try:
        array = np.asarray(tensor.numpy())
    except (AttributeError, NotImplementedError) as error:  # a symbolic tensor, or a variable in a graph
        raise ContextError(
            "Values were asked for inside a tf.function or a tf.Graph, where nothing is computed yet.",
            expected="predict, weights() and unidl.to_numpy outside of it; model(x) and ops.* give tensors inside",
            received=f"a {type(tensor).__name__} of shape {tensor.shape}",
        ) from error
    return array.astype(np.float32) if tensor.dtype == tf.bfloat16 else array


def at_hand(tensor: Any) -> np.ndarray | None:
    """The values of a tensor on the CPU, while no graph is traced."""
    if tf.is_symbolic_tensor(tensor) or not tf.executing_eagerly() or "CPU" not in tensor.device:
        return None
    return to_numpy(tensor)


ENSURED = "shape_of_targets_and_predictions"  # how the op is named in a graph, by which its error is told


def ensure_shape(tensor: tf.Tensor, shape: Shape) -> tf.Tensor:
    """The tensor; a graph finds out as it runs, without a copy."""
    return tf.ensure_shape(tensor, shape, name=ENSURED)


def finite(tensors: Sequence[Any]) -> list[bool]:
    """Of each whether it holds neither NaN nor infinity."""
    held = [tf.convert_to_tensor(tensor) for tensor in tensors]
    held = [tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor for tensor in held]  # NumPy has none
    if all("CPU" in tensor.device for tensor in held):
        return [all_finite(np.asarray(memoryview(tensor))) for tensor in held]  # in its own memory: numpy() would copy
    found = tf.stack([tf.reduce_all(tf.math.is_finite(t)) if t.dtype.is_floating else tf.constant(True) for t in held])
    return [bool(one) for one in found.numpy()]
