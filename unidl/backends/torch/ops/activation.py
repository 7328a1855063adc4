"""Lowerings of unidl.ops.activation; what is not here runs its definition: torch's hardsigmoid rounds to float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch.nn import functional

from unidl.backends.torch.promotion import on_number, on_real, reals

Tensor: TypeAlias = torch.Tensor


def leaky_relu(x: Any, slope: float = 0.01) -> Tensor:
    (x,) = reals(x)
    return functional.leaky_relu(x, slope)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    (x,) = reals(x)
    return functional.elu(x, alpha)


def gelu_tanh(x: Any) -> Tensor:
    (x,) = reals(x)
    return functional.gelu(x, approximate="tanh")


def softplus(x: Tensor) -> Tensor:
    return -functional.logsigmoid(-x)  # functional.softplus is x itself above 20


def softmax(x: Any, axis: int = -1) -> Tensor:
    return torch.softmax(*reals(x), dim=axis)


def log_softmax(x: Any, axis: int = -1) -> Tensor:
    return torch.log_softmax(*reals(x), dim=axis)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    (x,) = reals(x)
    return torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims)


TABLE: dict[str, Callable[..., Any]] = {
    "relu": on_number(torch.relu),
    "relu6": on_real(functional.relu6),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": on_real(functional.selu),
    "gelu": on_real(functional.gelu),
    "gelu_tanh": gelu_tanh,
    "sigmoid": on_real(torch.sigmoid),
    "softplus": on_real(softplus),
    "log_sigmoid": on_real(functional.logsigmoid),
    "silu": on_real(functional.silu),
    "mish": on_real(functional.mish),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
}
