"""Lowerings of unidl.ops.arithmetic. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from unidl.backends.torch.promotion import DTYPE, dtype_of, numbers, on_number, on_real, reals, tensors
from unidl.backends.torch.tensor import at_hand
from unidl.ops.undefined import undefined

Tensor: TypeAlias = torch.Tensor


def add(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    return x + y


def subtract(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    return x - y


def multiply(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    return x * y


def divide(x: Any, y: Any) -> Tensor:
    x, y = reals(x, y)
    return x / y


def floor_divide(x: Any, y: Any) -> Tensor:
    x, y = tensors(*numbers(x, y))
    try:
        return torch.div(x, y, rounding_mode="floor")  # torch.floor_divide has no gradient, this one has 0
    except RuntimeError as error:
        raise undefined(error, at_hand(y))  # noqa: B904  # which has its cause


def mod(x: Any, y: Any) -> Tensor:
    x, y = tensors(*numbers(x, y))
    try:
        return torch.remainder(x, y)
    except RuntimeError as error:
        raise undefined(error, at_hand(y))  # noqa: B904  # which has its cause


def power(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    try:
        return x**y
    except RuntimeError as error:
        raise undefined(error, at_hand(torch.as_tensor(y)))  # noqa: B904  # which has its cause


def sign(x: Any) -> Tensor:
    (x,) = numbers(x)
    signs = torch.sign(x)
    return torch.where(torch.isnan(x), x.detach(), signs) if x.is_floating_point() else signs  # torch has 0 for NaN


def maximum(x: Any, y: Any) -> Tensor:
    return torch.maximum(*tensors(*numbers(x, y)))


def minimum(x: Any, y: Any) -> Tensor:
    return torch.minimum(*tensors(*numbers(x, y)))


def clip(x: Any, low: float | None = None, high: float | None = None) -> Tensor:
    bounds = [bound for bound in (low, high) if bound is not None]
    x, *_ = tensors(*numbers(x, *bounds))
    return x.clamp(low, high) if bounds else x


def cast(x: Any, dtype: str) -> Tensor:
    x = x if isinstance(x, torch.Tensor) else torch.tensor(x)
    return x.to(DTYPE[dtype])


def dtype(x: Any) -> str:
    return dtype_of(x)


TABLE: dict[str, Callable[..., Any]] = {
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "divide": divide,
    "floor_divide": floor_divide,
    "mod": mod,
    "power": power,
    "negative": on_number(torch.neg),
    "abs": on_number(torch.abs),
    "sign": sign,
    "maximum": maximum,
    "minimum": minimum,
    "square": on_number(torch.square),
    "sqrt": on_real(torch.sqrt),
    "rsqrt": on_real(torch.rsqrt),
    "reciprocal": on_real(torch.reciprocal),
    "exp": on_real(torch.exp),
    "expm1": on_real(torch.expm1),
    "log": on_real(torch.log),
    "log1p": on_real(torch.log1p),
    "sin": on_real(torch.sin),
    "cos": on_real(torch.cos),
    "tan": on_real(torch.tan),
    "tanh": on_real(torch.tanh),
    "floor": on_number(torch.floor),
    "ceil": on_number(torch.ceil),
    "round": on_number(torch.round),
    "erf": on_real(torch.erf),
    "clip": clip,
    "cast": cast,
    "dtype": dtype,
}
