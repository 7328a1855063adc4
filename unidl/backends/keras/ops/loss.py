"""Lowerings of unidl.ops.loss: the kernels of the engine's own backend; Keras' own make labels one-hot on torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends import registry
from unidl.backends.keras.deferred import deferred
from unidl.backends.keras.engine import ENGINE, keras

Tensor = Any


def of_engine(name: str) -> Callable[..., Any]:
    """The engine's row, on Keras' variables too."""

    def run(*tensors: Any, **options: Any) -> Tensor:
        values = [t.value if isinstance(t, keras.Variable) else t for t in tensors]
        return registry.load(ENGINE).OPS[name](*values, **options)

    return deferred(name)(run)


NAMES = ("softmax_cross_entropy", "negative_log_likelihood", "sigmoid_cross_entropy", "mean_squared_error")
TABLE: dict[str, Callable[..., Any]] = {n: of_engine(n) for n in NAMES} if ENGINE in registry.entries() else {}
