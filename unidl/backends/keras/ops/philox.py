"""Lowering of unidl.ops.philox: what the engine's own backend computes, on Keras' variables too; on jax the definition runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends import registry
from unidl.backends.keras.deferred import of_engine
from unidl.backends.keras.engine import ENGINE
from unidl.ops.op import OPS

TABLE: dict[str, Callable[..., Any]] = (
    {"philox": of_engine("philox", OPS["philox"].function)} if ENGINE in registry.entries() else {}
)
