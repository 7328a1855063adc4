"""Lowerings of unidl.ops.arithmetic."""

from collections.abc import Callable
from typing import Any

TABLE: dict[str, Callable[..., Any]] = {}
