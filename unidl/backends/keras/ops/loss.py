"""Lowerings of unidl.ops.loss: the kernels of the engine's own backend; Keras' own make labels one-hot on torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends import registry
from unidl.backends.keras.deferred import of_engine
from unidl.backends.keras.engine import ENGINE
from unidl.ops.op import OPS

NAMES = ("softmax_cross_entropy", "negative_log_likelihood", "sigmoid_cross_entropy", "mean_squared_error")
TABLE: dict[str, Callable[..., Any]] = (
    {n: of_engine(n, OPS[n].function) for n in NAMES} if ENGINE in registry.entries() else {}
)
