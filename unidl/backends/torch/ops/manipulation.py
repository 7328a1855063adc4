"""Lowerings of unidl.ops.manipulation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from unidl.backends.torch.promotion import meet, tensors
from unidl.ops.joining import part_lengths
from unidl.ops.manipulation import squeezed


def shape(x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)


def size(x: Tensor) -> int:
    return math.prod(x.shape)


def reshape(x: Tensor, shape: Sequence[Any]) -> Tensor:
    return x.reshape(tuple(shape))


def transpose(x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    return x.permute(tuple(axes) if axes is not None else tuple(reversed(range(x.ndim))))  # a view


def expand_dims(x: Tensor, axis: int) -> Tensor:
    return x.unsqueeze(axis)


def squeeze(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    return x.reshape(squeezed(tuple(x.shape), axis))


def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    return torch.cat(tensors(*meet(*xs)), dim=axis)


def stack(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    return torch.stack(tensors(*meet(*xs)), dim=axis)


def unstack(x: Tensor, axis: int = 0) -> list[Tensor]:
    return list(x.unbind(axis))


def split(x: Tensor, parts: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    return list(x.split(part_lengths(x.shape[axis], parts), dim=axis))


def tile(x: Tensor, repeats: Sequence[int]) -> Tensor:
    return x.repeat(tuple(repeats))


def repeat(x: Tensor, count: int, axis: int) -> Tensor:
    return x.repeat_interleave(count, dim=axis)


def broadcast_to(x: Tensor, shape: Sequence[Any]) -> Tensor:
    return x.broadcast_to(tuple(shape))


def flip(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    return x.flip((axis,) if isinstance(axis, int) else tuple(axis))


def roll(x: Tensor, shift: int, axis: int) -> Tensor:
    return x.roll(shift, axis)


def pad_constant(x: Tensor, widths: Sequence[Sequence[int]], value: float = 0.0) -> Tensor:
    flat = [width for pair in reversed(widths) for width in pair]  # torch counts from the last axis
    return functional.pad(x, flat, value=value)


TABLE: dict[str, Callable[..., Any]] = {
    "shape": shape,
    "size": size,
    "reshape": reshape,
    "transpose": transpose,
    "expand_dims": expand_dims,
    "squeeze": squeeze,
    "concatenate": concatenate,
    "stack": stack,
    "unstack": unstack,
    "split": split,
    "tile": tile,
    "repeat": repeat,
    "broadcast_to": broadcast_to,
    "flip": flip,
    "roll": roll,
    "pad_constant": pad_constant,
}
