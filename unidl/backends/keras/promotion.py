"""The dtype in which operands meet, as `unidl.graph.spec.promote` says; Keras' own rule differs for integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.tensor import is_tensor
from unidl.graph.operand import common_dtype, floating, kind_of, no_bool, number_in

Tensor = Any
name_of = keras.backend.standardize_dtype


def dtype_of(*values: Any) -> str:
    """The name of the dtype in which tensors and Python numbers meet."""
    strong = [name_of(v.dtype) for v in values if is_tensor(v)]
    return common_dtype(strong, [kind_of(v) for v in values if not is_tensor(v)])


def in_dtype(values: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    """The operands as tensors of one dtype; a Python number that Keras converts may pass through float32."""

    def turn(value: Any) -> Any:
        if not is_tensor(value):
            return keras.ops.convert_to_tensor(value if name == "bool" else value + 0, name)  # True is no bfloat16
        return value if name_of(value.dtype) == name else keras.ops.cast(value, name)

    return tuple(turn(value) for value in values)


def meet(*values: Any) -> tuple[Any, ...]:
    """The operands in the dtype in which they meet."""
    return in_dtype(values, dtype_of(*values))


def numbers(*values: Any) -> tuple[Any, ...]:
    """Likewise, for arithmetic: bools alone are refused."""
    return in_dtype(values, no_bool(dtype_of(*values)))


def reals(*values: Any) -> tuple[Any, ...]:
    """Likewise, for functions of real numbers: integers become float32."""
    return in_dtype(values, floating(dtype_of(*values)))


def constant(value: float, dtype: str) -> Any:
    """A Python number in a dtype, with all of its digits: several of Keras' functions take it for float32 first."""
    return keras.ops.convert_to_tensor(number_in(value, dtype), dtype)


def on_number(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    """Keras' function, on integers and floats."""

    def run(x: Any) -> Tensor:
        return function(*numbers(x))

    return run


def on_real(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    """Keras' function, on floats; integers become float32."""

    def run(x: Any) -> Tensor:
        return function(*reals(x))

    return run
