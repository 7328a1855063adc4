"""Lowerings of unidl.ops.activation; what is not here runs its definition, for in float64 Keras' own computes in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import on_number, on_real, reals

Tensor = Any


def softplus(x: Tensor) -> Tensor:
    return keras.ops.negative(keras.ops.log_sigmoid(keras.ops.negative(x)))  # on torch keras.ops.softplus is x above 20


def softmax(x: Any, axis: int = -1) -> Tensor:
    (x,) = reals(x)
    if x.shape[axis] == 1:  # of which keras.ops.softmax warns
        return keras.ops.exp(keras.ops.log_softmax(x, axis))
    return keras.ops.softmax(x, axis)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    return keras.ops.log_softmax(*reals(x), axis=axis)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return keras.ops.logsumexp(*reals(x), axis=axis, keepdims=keepdims)


TABLE: dict[str, Callable[..., Any]] = {
    "relu": on_number(keras.ops.relu),
    "relu6": on_real(keras.ops.relu6),
    "sigmoid": on_real(keras.ops.sigmoid),
    "softplus": on_real(softplus),
    "log_sigmoid": on_real(keras.ops.log_sigmoid),
    "silu": on_real(keras.ops.silu),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
}
