"""Integer inputs of layers that compute with real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl import ops
from unidl.graph.spec import dtype_name, is_float


def as_float(x: Any, weight: Any) -> Any:
    """Integers in a weight's dtype; floats unchanged."""
    return x if _is_float(x) else ops.cast(x, dtype_name(weight.dtype))


def with_float(tensors: Sequence[Any]) -> list[Any]:
    """The tensors, in float32 where none of them is of floats: their sum then has no integer's overflow."""
    return list(tensors) if any(map(_is_float, tensors)) else [ops.cast(x, "float32") for x in tensors]


def _is_float(x: Any) -> bool:
    return is_float(dtype_name(x.dtype))
