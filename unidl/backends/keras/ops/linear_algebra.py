"""Lowerings of unidl.ops.linear_algebra."""

from collections.abc import Callable
from typing import Any

TABLE: dict[str, Callable[..., Any]] = {}
