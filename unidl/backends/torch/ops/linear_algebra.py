"""Lowerings of unidl.ops.linear_algebra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from unidl.backends.torch.promotion import numbers, tensors

Tensor: TypeAlias = torch.Tensor


def matmul(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    return x @ y  # (..., n, k), (..., k, m) -> (..., n, m)


def einsum(equation: str, *operands: Any) -> Tensor:
    operands = tensors(*numbers(*operands))
    result = torch.einsum(equation, *operands)
    return result if result.dtype is operands[0].dtype else result.to(operands[0].dtype)  # sums of integers are int64


TABLE: dict[str, Callable[..., Any]] = {
    "matmul": matmul,
    "einsum": einsum,
}
