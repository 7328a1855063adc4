"""Lowerings of unidl.ops.loss: the kernels of the engine's own backend; Keras' own make labels one-hot on torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends import registry
from unidl.backends.keras.deferred import deferred
from unidl.backends.keras.engine import ENGINE, keras

Tensor = Any


def softmax_cross_entropy(logits: Any, labels: Any, mean: bool = False) -> Tensor:
    tensors = [t.value if isinstance(t, keras.Variable) else t for t in (logits, labels)]
    return registry.load(ENGINE).OPS["softmax_cross_entropy"](*tensors, mean=mean)


_ROW = {"softmax_cross_entropy": deferred("softmax_cross_entropy")(softmax_cross_entropy)}
TABLE: dict[str, Callable[..., Any]] = _ROW if ENGINE in registry.entries() else {}
