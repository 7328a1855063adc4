"""Lowering of unidl.ops.philox: none. On TensorFlow and torch the state is a tensor of theirs, and their backends compute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TABLE: dict[str, Callable[..., Any]] = {}
