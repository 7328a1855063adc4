"""What a Trainer was given: data as a source of batches, a seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.data import Arrays, Source
from unidl.errors import ArgumentError, DataError


def source_of(x: Any, y: Any, batch_size: int, shuffle: bool, seed: int) -> Source:
    """What is trained on.

    Raises:
        DataError: Targets stand beside a source, which has them itself, or the arrays cannot be used.
    """
    if isinstance(x, Source):
        if y is not None:
            raise DataError("A source of batches has the targets in its batches.", received="y", fix="Leave y out.")
        return x
    parts = (x,) if y is None else (x, y)
    return Arrays(*parts, batch_size=batch_size, shuffle=shuffle, seed=seed)


def held_out(given: Any, batch_size: int) -> Source:
    """What is evaluated on.

    Raises:
        DataError: It is neither a pair nor a source of pairs, or the arrays cannot be used.
    """
    if isinstance(given, Source):
        if len(given.sample()) != 2:
            raise DataError("To evaluate, each batch needs targets.", expected="batches (x, y)", received="x alone")
        return given
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise DataError(
            "validation_data is a pair.",
            expected="(x, y), or a source of batches",
            received=type(given).__name__,
            fix="unidl.data.Stream(…) makes a source of anything that gives batches.",
        )
    return Arrays(*given, batch_size=batch_size)


def checked_seed(seed: Any) -> int:
    """A seed.

    Raises:
        ArgumentError: It is no whole number from 0 to 2^63 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise ArgumentError("A seed is a whole number.", expected="0 to 2^63 - 1", received=repr(seed))
    return int(seed)
