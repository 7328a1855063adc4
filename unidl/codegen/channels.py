"""Ops that take images with their channels first as they take them with their channels last: they follow what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unidl.graph.node import leaves


def moved_axis(axis: int, rank: int) -> int:
    """An axis of (batch, ..., channels), in (batch, channels, ...)."""
    axis %= rank
    return axis if axis == 0 else 1 if axis == rank - 1 else axis + 1


def moved_items(items: Any) -> tuple[Any, ...]:
    """What belongs to each axis of (batch, ..., channels), for those of (batch, channels, ...)."""
    return (items[0], items[-1], *items[1:-1])


def _keeps_batch_and_channels(arguments: Mapping[str, Any]) -> bool:
    rank, axis = len(arguments["x"].shape), arguments["axis"]
    if axis is None:
        return False
    axes = {a % rank for a in ((axis,) if isinstance(axis, int) else axis)}
    return arguments["keepdims"] or not axes & {0, rank - 1}


def _cuts(arguments: Mapping[str, Any]) -> bool:
    index, rank = arguments["index"], len(arguments["x"].shape)
    parts = index if isinstance(index, tuple) else (index,)
    return len(parts) <= rank and all(isinstance(part, slice) for part in parts) and not any(_bounds(parts))


def _bounds(parts: Any) -> Any:
    """Bounds that are not plain numbers."""
    return (not isinstance(b, (int, type(None))) for p in parts for b in leaves((p.start, p.stop, p.step)))


FOLLOWS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "pad_constant": lambda arguments: True,
    "getitem": _cuts,
    **dict.fromkeys(("sum", "mean", "max", "min", "var", "std"), _keeps_batch_and_channels),
}
"""An op -> whether it follows its input for these arguments."""
