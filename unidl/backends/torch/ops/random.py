"""Lowerings of unidl.ops.random: torch's own generators, in whose states a run takes its turns (see generator.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch.nn import functional

from unidl.backends.torch.generator import in_turn
from unidl.backends.torch.ops.creation import lengths
from unidl.backends.torch.promotion import DTYPE, reals
from unidl.ops.random import check_rate

Tensor: TypeAlias = torch.Tensor


def _form(shape: Any, dtype: str | None, like: Any) -> tuple[Any, dict[str, Any]]:
    """The shape, dtype and device of a result."""
    real = like is not None and like.is_floating_point()
    kind = DTYPE[dtype] if dtype is not None else like.dtype if real else torch.float32
    device = None if like is None else like.device
    return like.shape if shape is None else lengths(shape), {"dtype": kind, "device": device}


@in_turn
def uniform(
    shape: Any = None, low: float = 0.0, high: float = 1.0, dtype: str | None = None, like: Any = None
) -> Tensor:
    shape, form = _form(shape, dtype, like)
    drawn = torch.rand(shape, **form)
    return drawn if (low, high) == (0.0, 1.0) else drawn * (high - low) + low


@in_turn
def normal(
    shape: Any = None, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, like: Any = None
) -> Tensor:
    shape, form = _form(shape, dtype, like)
    drawn = torch.randn(shape, **form)
    return drawn if (mean, stddev) == (0.0, 1.0) else drawn * stddev + mean


@in_turn
def randint(shape: Any = None, low: int = 0, high: int = 2, dtype: str | None = None, like: Any = None) -> Tensor:
    shape, form = _form(shape, dtype or "int64", like)
    return torch.randint(low, high, shape, **form)


@in_turn
def dropout(x: Any, rate: float) -> Tensor:
    check_rate(rate)
    (x,) = reals(x)
    return functional.dropout(x, rate)


@in_turn
def permutation(count: int, like: Any = None) -> Tensor:
    return torch.randperm(count, device=None if like is None else like.device)  # (count,)


TABLE: dict[str, Callable[..., Any]] = {
    "random_uniform": uniform,
    "random_normal": normal,
    "random_randint": randint,
    "random_dropout": dropout,
    "random_permutation": permutation,
}
