"""Lowerings of unidl.ops.creation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from unidl.backends.torch.promotion import DTYPE, NAME, dtype_of
from unidl.backends.torch.tensor import to_tensor
from unidl.ops.creation import range_bounds, range_length

Tensor: TypeAlias = torch.Tensor


def placed(dtype: str | None, like: Tensor | None, default: str) -> dict[str, Any]:
    """The dtype and device of a new tensor."""
    if like is None:
        return {"dtype": DTYPE[dtype or default]}
    return {"dtype": DTYPE[dtype] if dtype is not None else like.dtype, "device": like.device}


def lengths(shape: Any) -> tuple[Any, ...]:
    """A `shape` argument as torch takes it."""
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def zeros(shape: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return torch.zeros(lengths(shape), **placed(dtype, like, "float32"))


def ones(shape: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return torch.ones(lengths(shape), **placed(dtype, like, "float32"))


def full(shape: Any, value: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    return torch.full(lengths(shape), value, **placed(dtype, like, dtype_of(value)))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None, like: Any = None) -> Tensor:
    # torch reads the bounds from the device itself
    start, stop, step = (
        b.item() if isinstance(b, torch.Tensor) else b for b in (*range_bounds(start, stop, step), step)
    )
    if not torch.compiler.is_compiling():
        range_length(start, stop, step)
    return torch.arange(start, stop, step, **placed(dtype, like, dtype_of(start, stop, step)))  # (length,)


def linspace(start: float, stop: float, count: int, dtype: str | None = None, like: Any = None) -> Tensor:
    return torch.linspace(start, stop, count, **placed(dtype, like, "float32"))  # (count,)


def eye(rows: Any, columns: Any = None, dtype: str | None = None, like: Any = None) -> Tensor:
    return torch.eye(rows, rows if columns is None else columns, **placed(dtype, like, "float32"))  # (rows, columns)


def zeros_like(x: Any, dtype: str | None = None) -> Tensor:
    return torch.zeros_like(to_tensor(x), dtype=None if dtype is None else DTYPE[dtype])


def ones_like(x: Any, dtype: str | None = None) -> Tensor:
    return torch.ones_like(to_tensor(x), dtype=None if dtype is None else DTYPE[dtype])


def full_like(x: Any, value: Any, dtype: str | None = None) -> Tensor:
    return torch.full_like(to_tensor(x), value, dtype=None if dtype is None else DTYPE[dtype])


def tensor(value: Any, dtype: str | None = None, like: Any = None) -> Tensor:
    if like is None:
        return to_tensor(value, dtype)
    form = placed(dtype, to_tensor(like), "float32")
    return to_tensor(value, NAME[form["dtype"]], form["device"])


TABLE: dict[str, Callable[..., Any]] = {
    "zeros": zeros,
    "ones": ones,
    "full": full,
    "arange": arange,
    "linspace": linspace,
    "eye": eye,
    "zeros_like": zeros_like,
    "ones_like": ones_like,
    "full_like": full_like,
    "tensor": tensor,
}
