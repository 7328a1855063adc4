"""Lowerings of unidl.ops.comparison. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from unidl.backends.torch.promotion import meet, on_real, tensors

Tensor: TypeAlias = torch.Tensor


def equal(x: Any, y: Any) -> Tensor:
    return torch.eq(*tensors(*meet(x, y)))


def not_equal(x: Any, y: Any) -> Tensor:
    return torch.ne(*tensors(*meet(x, y)))


def less(x: Any, y: Any) -> Tensor:
    return torch.lt(*tensors(*meet(x, y)))


def less_equal(x: Any, y: Any) -> Tensor:
    return torch.le(*tensors(*meet(x, y)))


def greater(x: Any, y: Any) -> Tensor:
    return torch.gt(*tensors(*meet(x, y)))


def greater_equal(x: Any, y: Any) -> Tensor:
    return torch.ge(*tensors(*meet(x, y)))


def logical_and(x: Any, y: Any) -> Tensor:
    return torch.logical_and(*tensors(*meet(x, y)))


def logical_or(x: Any, y: Any) -> Tensor:
    return torch.logical_or(*tensors(*meet(x, y)))


def logical_xor(x: Any, y: Any) -> Tensor:
    return torch.logical_xor(*tensors(*meet(x, y)))


def logical_not(x: Any) -> Tensor:
    return torch.logical_not(*meet(x))


def where(condition: Any, x: Any, y: Any) -> Tensor:
    (condition,) = meet(condition)
    if not isinstance(x, torch.Tensor) and not isinstance(y, torch.Tensor):
        x = torch.full((), x, device=condition.device)
    return torch.where(condition, *tensors(*meet(x, y)))


TABLE: dict[str, Callable[..., Any]] = {
    "equal": equal,
    "not_equal": not_equal,
    "less": less,
    "less_equal": less_equal,
    "greater": greater,
    "greater_equal": greater_equal,
    "isnan": on_real(torch.isnan),
    "isinf": on_real(torch.isinf),
    "isfinite": on_real(torch.isfinite),
    "logical_and": logical_and,
    "logical_or": logical_or,
    "logical_xor": logical_xor,
    "logical_not": logical_not,
    "where": where,
}
