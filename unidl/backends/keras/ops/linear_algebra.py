"""Lowerings of unidl.ops.linear_algebra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import exact
from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import dtype_of, numbers

Tensor = Any


def matmul(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    return keras.ops.cast(
        keras.ops.matmul(x, y), dtype_of(x)
    )  # (..., n, k), (..., k, m) -> (..., n, m); int8 would be int32


def einsum(equation: str, *operands: Any) -> Tensor:
    operands = numbers(*operands)
    return keras.ops.cast(keras.ops.einsum(equation, *operands), dtype_of(*operands))


TABLE: dict[str, Callable[..., Any]] = {
    "matmul": exact("matmul", matmul),
    "einsum": einsum,
}
