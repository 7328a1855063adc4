"""Lowerings of unidl.ops.indexing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unidl.backends.torch.tensor import at_hand, dtype_of
from unidl.graph.shape import canonical_axis
from unidl.ops.indexing import out_of_range

_INDEX = (torch.int32, torch.int64)


def getitem(x: Tensor, index: Any) -> Tensor:
    return x[index]  # a view


def dynamic_slice(x: Tensor, starts: Sequence[Any], sizes: Sequence[int]) -> Tensor:
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        last = x.shape[axis] - size
        if isinstance(start, torch.Tensor):  # chosen by index: reading the start would wait for the device
            places = start.clamp(0, last) + torch.arange(size, device=x.device)
            x = x.index_select(axis, places)
        else:
            x = x.narrow(axis, min(max(start, 0), last), size)
    return x


def not_there(error: Exception, indices: Tensor, length: int) -> Exception:
    """What torch's error means: an index that is not there, or else itself. Nobody looks but on a CPU."""
    meant = out_of_range(at_hand(indices), length)
    if meant is None:
        return error
    meant.__cause__ = error
    return meant


def take(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    indices = indices if indices.dtype in _INDEX else indices.long()
    axis = canonical_axis(axis, x.ndim)
    try:
        if x.ndim == 2 and axis == 0:
            return functional.embedding(indices, x)  # (*indices, units)
        chosen = x.index_select(axis, indices.reshape(-1))
    except (IndexError, RuntimeError) as error:
        raise not_there(error, indices, x.shape[axis])  # noqa: B904  # which has its cause
    return chosen.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def take_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    try:
        return torch.gather(x, axis, indices.long())
    except RuntimeError as error:
        raise not_there(error, indices, x.shape[axis])  # noqa: B904  # which has its cause


def one_hot(indices: Tensor, classes: int, axis: int = -1, dtype: str = "float32") -> Tensor:
    place = canonical_axis(axis, indices.ndim + 1)
    numbers = torch.arange(classes, device=indices.device).reshape(
        (-1,) + (1,) * (indices.ndim - place)
    )  # (classes, 1, …)
    return (indices.unsqueeze(place) == numbers).to(dtype_of(dtype))


TABLE: dict[str, Callable[..., Any]] = {
    "getitem": getitem,
    "dynamic_slice": dynamic_slice,
    "take": take,
    "take_along_axis": take_along_axis,
    "one_hot": one_hot,
}
