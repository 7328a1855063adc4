"""Lowerings of unidl.ops.sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


def sort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    return x.sort(dim=axis, descending=descending, stable=True).values


def argsort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    return x.sort(dim=axis, descending=descending, stable=True).indices


def top_k(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    values, indices = x.sort(dim=-1, descending=True, stable=True)  # torch.topk promises no order at ties
    return values[..., :k], indices[..., :k]


TABLE: dict[str, Callable[..., Any]] = {"sort": sort, "argsort": argsort, "top_k": top_k}
