"""A function as Keras runs a training step on its engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends import registry
from unidl.backends.keras.engine import ENGINE


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    return registry.load(ENGINE).staged(function) if ENGINE in registry.entries() else function
