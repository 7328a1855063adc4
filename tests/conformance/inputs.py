"""Inputs for cases, always the same."""

from __future__ import annotations

from typing import Any

import numpy as np


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers that float32 holds exactly."""
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32").astype("float64")


def ties(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers out of -1, 0 and 1, so that many are equal, and many sit where a function has no derivative."""
    return np.random.default_rng([seed, *shape]).integers(-1, 2, shape).astype("float64")


def integers(high: int, *shape: int, dtype: str = "int64") -> np.ndarray:
    """Integers below a number."""
    return np.random.default_rng([high, *shape]).integers(0, high, shape).astype(dtype)


def truths(*shape: int) -> np.ndarray:
    """True and False."""
    return np.random.default_rng(list(shape)).integers(0, 2, shape).astype("bool")


def steps(*values: float) -> np.ndarray:
    """One example after another, with these values and their neighbours at the kinks of activations."""
    return np.array([[v, v / 2, 0.0, -v] for v in values], "float64")


def nowhere_at(mask: np.ndarray, *places: tuple[Any, ...]) -> np.ndarray:
    """A mask that is False at the places."""
    mask = mask.copy()
    for place in places:
        mask[place] = False
    return mask
