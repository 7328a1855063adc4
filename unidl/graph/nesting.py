"""How many gradients are being taken around the one in progress, in this thread.

An inner gradient must stay differentiable, and an outer one may belong to another backend on the same tensors (Keras on torch).
"""

from __future__ import annotations

import threading

_local = threading.local()


class one_deeper:  # noqa: N801  # used as `with one_deeper() as nested`; entering a generator would cost each step more
    """Count one gradient more inside; gives whether there is one around it."""

    def __enter__(self) -> bool:
        self._around: int = getattr(_local, "depth", 0)
        _local.depth = self._around + 1
        return self._around > 0

    def __exit__(self, *_: object) -> None:
        _local.depth = self._around


def is_nested() -> bool:
    """Whether a gradient is being taken inside a gradient: what is computed now must have a second derivative."""
    return getattr(_local, "depth", 0) > 1
