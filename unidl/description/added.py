"""Losses that layers add in a forward, as whoever minimizes gathers them.

What gathers them is one list for each thread and no ContextVar, for torch's compiler reads it like a variable of its own. Where nobody
gathers, in inference, nothing is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Place(threading.local):
    def __init__(self) -> None:
        self.values: list[tuple[Any, Any]] | None = None  # (layer, scalar)


NOW = _Place()


def add(layer: Any, value: Any) -> None:
    """A layer adds a loss, a scalar."""
    if NOW.values is not None:
        NOW.values.append((layer, value))


@contextmanager
def gathering() -> Iterator[list[tuple[Any, Any]]]:
    """Inside, what layers add is gathered: (layer, scalar), in order."""
    before, NOW.values = NOW.values, []
    try:
        yield NOW.values
    finally:
        NOW.values = before
