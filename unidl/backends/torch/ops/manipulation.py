"""Lowerings of unidl.ops.manipulation."""

from collections.abc import Callable
from typing import Any

TABLE: dict[str, Callable[..., Any]] = {}
