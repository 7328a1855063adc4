"""The dtype in which operands meet, as `unidl.graph.spec.promote` says; torch's own rule differs for scalars of shape ()."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from unidl.graph.operand import common_dtype, floating, kind_of, no_bool
from unidl.graph.spec import DTYPES

Tensor: TypeAlias = torch.Tensor
NAME: dict[torch.dtype, str] = {getattr(torch, name): name for name in DTYPES}
# by name, and by what a tensor's own .dtype gives
DTYPE: dict[Any, torch.dtype] = {name: dtype for dtype, name in NAME.items()} | {dtype: dtype for dtype in NAME}


def _met(values: tuple[Any, ...]) -> bool:
    """Whether they are floating tensors of one dtype, and Python numbers: by far most often, and then nothing is to be done."""
    first = values[0]
    if not isinstance(first, torch.Tensor) or not first.dtype.is_floating_point:
        return False
    dtype = first.dtype
    for value in values[1:]:
        if isinstance(value, torch.Tensor):
            if value.dtype is not dtype:
                return False
        elif type(value) is not float and type(value) is not int:
            return False
    return True


def dtype_of(*values: Any) -> str:
    """The name of the dtype in which tensors and Python numbers meet."""
    strong = [NAME[v.dtype] for v in values if isinstance(v, torch.Tensor)]
    return common_dtype(strong, [kind_of(v) for v in values if not isinstance(v, torch.Tensor)])


def in_dtype(values: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    """The operands in one dtype; a Python number beside a tensor stays one."""
    dtype = DTYPE[name]
    alone = not any(isinstance(v, torch.Tensor) for v in values)

    def turn(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(dtype)
        if alone:
            return torch.tensor(value, dtype=dtype)
        return int(value) if isinstance(value, bool) and name != "bool" else value  # torch subtracts no bool

    return tuple(map(turn, values))


def meet(*values: Any) -> tuple[Any, ...]:
    """The operands in the dtype in which they meet."""
    return values if _met(values) else in_dtype(values, dtype_of(*values))


def numbers(*values: Any) -> tuple[Any, ...]:
    """Likewise, for arithmetic: bools alone are refused."""
    return values if _met(values) else in_dtype(values, no_bool(dtype_of(*values)))


def reals(*values: Any) -> tuple[Any, ...]:
    """Likewise, for functions of real numbers: integers become float32."""
    return values if _met(values) else in_dtype(values, floating(dtype_of(*values)))


def tensors(*values: Any) -> tuple[Tensor, ...]:
    """Operands that met, where torch's function takes no Python number."""
    if False not in [isinstance(v, torch.Tensor) for v in values]:
        return values
    like = next(v for v in values if isinstance(v, torch.Tensor))
    return tuple(
        v if isinstance(v, torch.Tensor) else torch.full((), v, dtype=like.dtype, device=like.device) for v in values
    )


def on_number(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    """torch's function, on integers and floats."""

    def run(x: Any) -> Tensor:
        return function(*numbers(x))

    return run


def on_real(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    """torch's function, on floats; integers become float32."""

    def run(x: Any) -> Tensor:
        return function(*reals(x))

    return run
