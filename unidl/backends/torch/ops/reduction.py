"""Lowerings of unidl.ops.reduction. `axis` is one axis, several, or None for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from unidl.backends.torch.promotion import numbers, reals
from unidl.graph.shape import canonical_axes

Tensor: TypeAlias = torch.Tensor


def _axes(x: Tensor, axis: Any) -> tuple[int, ...]:
    """The axes counted from the front, the last first, so that each can be taken away in turn."""
    return canonical_axes(axis, x.ndim)[::-1]


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, torch.Tensor) else torch.tensor(x)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    x = _tensor(x)
    return torch.sum(x, _axes(x, axis), keepdim=keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    (x,) = reals(x)
    return torch.mean(x, _axes(x, axis), keepdim=keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    (x,) = numbers(x)
    return torch.amax(x, _axes(x, axis), keepdim=keepdims)  # amax splits the gradient at ties, max(dim) does not


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    (x,) = numbers(x)
    return torch.amin(x, _axes(x, axis), keepdim=keepdims)


def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    x = _tensor(x)
    x = x if x.is_floating_point() else x.long()
    for a in _axes(x, axis):  # torch multiplies over one axis at a time
        x = torch.prod(x, a, keepdim=keepdims)
    return x


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    x = _tensor(x)
    return torch.any(x.bool(), _axes(x, axis), keepdim=keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    x = _tensor(x)
    return torch.all(x.bool(), _axes(x, axis), keepdim=keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    (x,) = reals(x)
    if x.numel() == 0:
        return mean(x, axis, keepdims)  # NaN, or empty; torch.var warns
    return torch.var(x, _axes(x, axis), correction=0, keepdim=keepdims)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    (x,) = reals(x)
    if x.numel() == 0:
        return mean(x, axis, keepdims)
    return torch.std(x, _axes(x, axis), correction=0, keepdim=keepdims)


def norm(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    (x,) = reals(x)
    return torch.linalg.vector_norm(x, dim=_axes(x, axis), keepdim=keepdims)


def cumsum(x: Any, axis: int = -1) -> Tensor:
    return torch.cumsum(_tensor(x), axis)


def cumprod(x: Any, axis: int = -1) -> Tensor:
    return torch.cumprod(_tensor(x), axis)


def count_nonzero(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    x = _tensor(x)
    return torch.sum(x != 0, _axes(x, axis), keepdim=keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.argmax(*numbers(x), dim=axis, keepdim=keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    return torch.argmin(*numbers(x), dim=axis, keepdim=keepdims)


TABLE: dict[str, Callable[..., Any]] = {
    "sum": sum,
    "mean": mean,
    "max": max,
    "min": min,
    "prod": prod,
    "any": any,
    "all": all,
    "var": var,
    "std": std,
    "norm": norm,
    "cumsum": cumsum,
    "cumprod": cumprod,
    "count_nonzero": count_nonzero,
    "argmax": argmax,
    "argmin": argmin,
}
