"""The dtype in which operands meet, as `unidl.graph.spec.promote` says; TensorFlow itself refuses mixed dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.graph.operand import common_dtype, floating, kind_of, no_bool, number_in

Tensor: TypeAlias = tf.Tensor
TENSORS = (tf.Tensor, tf.Variable)


def dtype_of(*values: Any) -> str:
    """The name of the dtype in which tensors and Python numbers meet."""
    strong = [v.dtype.name for v in values if isinstance(v, TENSORS)]
    return common_dtype(strong, [kind_of(v) for v in values if not isinstance(v, TENSORS)])


def in_dtype(values: tuple[Any, ...], name: str) -> tuple[Tensor, ...]:
    """The operands as tensors of one dtype."""
    dtype = tf.as_dtype(name)
    return tuple(
        tf.cast(v, dtype) if isinstance(v, (*TENSORS, bool)) else tf.convert_to_tensor(v, dtype) for v in values
    )


def meet(*values: Any) -> tuple[Tensor, ...]:
    """The operands in the dtype in which they meet."""
    return in_dtype(values, dtype_of(*values))


def numbers(*values: Any) -> tuple[Tensor, ...]:
    """Likewise, for arithmetic: bools alone are refused."""
    return in_dtype(values, no_bool(dtype_of(*values)))


def reals(*values: Any) -> tuple[Tensor, ...]:
    """Likewise, for functions of real numbers: integers become float32."""
    return in_dtype(values, floating(dtype_of(*values)))


def constant(value: float, dtype: tf.DType) -> Tensor:
    """A Python number in a dtype, with all of its digits: tf.cast takes it for float32 or int32 first."""
    return tf.constant(number_in(value, dtype.name), dtype)


def widely(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """TensorFlow's function, for small integers too: where it has no kernel they are computed as int64 and cut back."""

    def run(*values: Tensor) -> Tensor:
        dtype = values[0].dtype
        if dtype not in (tf.uint8, tf.int8, tf.int16):
            return function(*values)
        return tf.cast(function(*(tf.cast(value, tf.int64) for value in values)), dtype)

    return run


def on_number(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    """TensorFlow's function, on integers and floats."""

    def run(x: Any) -> Tensor:
        return function(*numbers(x))

    return run


def on_real(function: Callable[[Tensor], Tensor]) -> Callable[[Any], Tensor]:
    """TensorFlow's function, on floats; integers become float32."""

    def run(x: Any) -> Tensor:
        return function(*reals(x))

    return run
