"""Lowerings of unidl.ops.random: torch's own generator, which `random_state` seeds for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

from unidl.backends.torch.ops.creation import lengths
from unidl.backends.torch.promotion import DTYPE, reals

Tensor = torch.Tensor


@contextmanager
def random_state(seed: int, device: Any = None) -> Iterator[None]:
    """Inside, torch's generators are seeded; afterwards they are as they were."""
    device = torch.device(device or "cpu")
    others = [] if device.type in ("cpu", "meta") else [device.index or 0]
    with torch.random.fork_rng(others, device_type=device.type if others else "cuda"):
        torch.manual_seed(seed)
        yield


def _form(shape: Any, dtype: str | None, like: Any) -> tuple[Any, dict[str, Any]]:
    """The shape, dtype and device of a result."""
    real = like is not None and like.is_floating_point()
    kind = DTYPE[dtype] if dtype is not None else like.dtype if real else torch.float32
    device = None if like is None else like.device
    return like.shape if shape is None else lengths(shape), {"dtype": kind, "device": device}


def uniform(
    shape: Any = None, low: float = 0.0, high: float = 1.0, dtype: str | None = None, like: Any = None
) -> Tensor:
    shape, form = _form(shape, dtype, like)
    drawn = torch.rand(shape, **form)
    return drawn if (low, high) == (0.0, 1.0) else drawn * (high - low) + low


def normal(
    shape: Any = None, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, like: Any = None
) -> Tensor:
    shape, form = _form(shape, dtype, like)
    drawn = torch.randn(shape, **form)
    return drawn if (mean, stddev) == (0.0, 1.0) else drawn * stddev + mean


def randint(shape: Any = None, low: int = 0, high: int = 2, dtype: str | None = None, like: Any = None) -> Tensor:
    shape, form = _form(shape, dtype or "int64", like)
    return torch.randint(low, high, shape, **form)


def dropout(x: Any, rate: float) -> Tensor:
    return functional.dropout(*reals(x), rate)


def permutation(count: int, like: Any = None) -> Tensor:
    return torch.randperm(count, device=None if like is None else like.device)  # (count,)


TABLE: dict[str, Callable[..., Any]] = {
    "random_uniform": uniform,
    "random_normal": normal,
    "random_randint": randint,
    "random_dropout": dropout,
    "random_permutation": permutation,
}
