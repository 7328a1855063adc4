"""Checks of layers' arguments that many layers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unidl.errors import ArgumentError


def positive(layer: Any, name: str, value: Any) -> int:
    """A positive integer argument."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ArgumentError(
            f"{type(layer).__name__} needs a positive integer {name}.",
            expected="an integer of at least 1",
            received=repr(value),
        )
    return int(value)


def per_axis(layer: Any, name: str, value: Any, axes: int) -> tuple[int, ...]:
    """One positive integer for each spatial axis; one number serves all."""
    values: Sequence[Any] = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(values) != axes:
        raise ArgumentError(
            f"{type(layer).__name__} needs one {name} for each of its {axes} spatial axes.",
            expected=f"an integer or {axes} integers",
            received=repr(value),
        )
    return tuple(positive(layer, name, v) for v in values)


def fraction(layer: Any, name: str, value: Any) -> float:
    """A number in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ArgumentError(
            f"{type(layer).__name__} needs {name} as a number from 0 to below 1.",
            expected="0 <= number < 1",
            received=repr(value),
        )
    return float(value)


def one_of(layer: Any, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """One of some words."""
    if value not in choices:
        flat = value.lower() if isinstance(value, str) else value
        raise ArgumentError(
            f"{type(layer).__name__} does not know {name}={value!r}.",
            expected=f"one of {', '.join(map(repr, choices))}",
            received=repr(value),
            fix=f"Write {flat!r}." if flat in choices else None,
        )
    return str(value)
