"""Lowerings of unidl.ops.linear_algebra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import exact, of_engine
from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import dtype_of, numbers
from unidl.graph.shape import keeping_dots
from unidl.graph.spec import is_float

Tensor = Any


def matmul(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    return keras.ops.cast(
        keras.ops.matmul(x, y), dtype_of(x)
    )  # (..., n, k), (..., k, m) -> (..., n, m); int8 would be int32


def einsum(equation: str, *operands: Any) -> Tensor:
    operands = numbers(*operands)
    equation, named = keeping_dots(equation)
    kept = keras.ops.einsum(equation, *operands)
    if named is not None and (over := tuple(range(len(kept.shape) - named))):
        kept = keras.ops.sum(kept, over)
    return keras.ops.cast(kept, dtype_of(*operands))


def _of_floats(function: Callable[..., Any], op: str) -> Callable[..., Any]:
    """keras.ops' function for floats; integers it multiplies as floats, which the engine's own backend does not."""
    whole = of_engine(op, function)

    def run(*args: Any, **named: Any) -> Tensor:
        operands = [arg for arg in (*args, *named.values()) if not isinstance(arg, str)]
        return (function if is_float(dtype_of(*operands)) else whole)(*args, **named)

    return run


TABLE: dict[str, Callable[..., Any]] = {
    "matmul": exact("matmul", _of_floats(matmul, "matmul")),
    "einsum": exact("einsum", _of_floats(einsum, "einsum")),
}
