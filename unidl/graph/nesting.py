"""How many gradients are being taken around the one in progress, in this thread.

An inner gradient must stay differentiable, and an outer one may belong to another backend on the same tensors (Keras on torch).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_local = threading.local()


@contextmanager
def one_deeper() -> Iterator[bool]:
    """Count one gradient more inside; gives whether there is one around it."""
    around: int = getattr(_local, "depth", 0)
    _local.depth = around + 1
    try:
        yield around > 0
    finally:
        _local.depth = around
