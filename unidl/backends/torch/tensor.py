"""Arrays to torch tensors and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from unidl.backends.contract import Backend
from unidl.graph.array import all_finite, as_array, holds_floats, is_array, native_array
from unidl.graph.node import map_nest
from unidl.graph.spec import Shape
from unidl.lazy_array import LazyArray


def accepts_tensors_of(other: Backend) -> bool:
    """Whether that backend's tensors are what this one's engine computes with."""
    return False


# whether torch.compile or torch.export is tracing right now; every call of an op asks, so it is torch's own
is_compiling = torch.compiler.is_compiling


def dtype_of(name: str) -> torch.dtype:
    """torch's dtype of a neutral name."""
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def arrays_to_tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """NumPy arrays in an op's arguments as tensors, on the device of the tensors beside and, if floating, in their dtype."""
    device: torch.device | None = None
    dtype: torch.dtype | None = None

    def look(value: Any) -> Any:
        nonlocal device, dtype
        if isinstance(value, torch.Tensor):
            device = device or value.device
            if value.is_floating_point():
                dtype = dtype or value.dtype
        return value

    def turn(value: Any) -> Any:
        if not is_array(value):
            return value
        tensor = torch.from_numpy(_plain(value)).to(device)  # not as_tensor, which goes to torch's default device
        return tensor.to(dtype) if dtype is not None and holds_floats(value) else tensor

    map_nest(look, (args, kwargs))
    turned: tuple[tuple[Any, ...], dict[str, Any]] = map_nest(turn, (args, kwargs))
    return turned


def to_tensor(value: Any, dtype: str | None = None, device: Any = None, share: bool = False) -> torch.Tensor:
    """An array, a number, nested lists of numbers or a tensor as a tensor; arrays are copied unless they may be shared."""
    if share and type(value) is np.ndarray and value.flags.carray and (name := _SHARED.get(value.dtype)) is not None:
        try:
            tensor = torch.from_numpy(value)
        except ValueError:  # an axis of length 1 that lies backwards is contiguous to NumPy, and not to torch
            tensor = torch.from_numpy(_plain(value))
        if (dtype is None or dtype == name) and (device is None or device == _CPU):
            return tensor  # said here, for what follows costs a prediction more
    elif isinstance(value, torch.Tensor):
        tensor = value
    else:
        tensor = torch.from_numpy(_plain(as_array(value, dtype)))
    wanted = tensor.dtype if dtype is None else dtype_of(dtype)
    if tensor.dtype is wanted and (device is None or tensor.device == device):
        return tensor
    return tensor.to(device=device, dtype=wanted)


_CPU = torch.device("cpu")
# what torch has under the same name, in this machine's order of bytes; not bfloat16, which NumPy knows by extension only
_SHARED = {
    np.dtype(name): name
    for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
}


def _plain(array: Any) -> np.ndarray:
    """A copy that torch takes: writable, in C order, of a dtype NumPy has itself, in this machine's order of bytes."""
    dtype = np.dtype(np.float32) if array.dtype.name == "bfloat16" else None
    return np.array(native_array(array), dtype=dtype, order="C")


def blank(shape: tuple[int, ...], dtype: str) -> torch.Tensor:
    """Zeros."""
    return torch.zeros(shape, dtype=dtype_of(dtype))


@torch.no_grad()
def fill(tensor: torch.Tensor, array: LazyArray) -> None:
    """Overwrite a tensor, or what a view of one shows, piece by piece."""
    for index, piece in array.pieces():
        tensor[index].copy_(torch.from_numpy(np.require(piece, requirements=["C", "W"])))


ERRORS: tuple[type[Exception], ...] = ()  # torch raises RuntimeErrors


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """A tensor or parameter as an array, off its device and graph; bfloat16 as float32, for NumPy has none."""
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.float()
    array: np.ndarray = tensor.numpy(force=True)
    return array


def at_hand(tensor: torch.Tensor) -> np.ndarray | None:
    """The values of a tensor on the CPU, while nothing is compiled."""
    if torch.compiler.is_compiling() or tensor.device.type != "cpu":
        return None
    return to_numpy(tensor)


def ensure_shape(tensor: torch.Tensor, shape: Shape) -> torch.Tensor:
    """The tensor: torch knows its shape, and whoever asks has compared it."""
    return tensor


def finite(tensors: Sequence[torch.Tensor]) -> list[bool]:
    """Of each whether it holds neither NaN nor infinity."""
    held = [tensor.detach() for tensor in tensors]
    if all(tensor.device.type == "cpu" for tensor in held):
        return [all_finite(to_numpy(tensor)) for tensor in held]
    devices = [tensor.isfinite().all() for tensor in held]
    return [bool(found) for found in torch.stack([found.to(devices[0].device) for found in devices]).tolist()]
