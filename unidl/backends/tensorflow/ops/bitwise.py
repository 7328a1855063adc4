"""Lowerings of unidl.ops.bitwise. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import dtype_of, in_dtype
from unidl.ops.bitwise import of_bits

Tensor: TypeAlias = tf.Tensor


def _on_bits(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Tensor]:
    """TensorFlow's function, on integers alone."""

    def run(x: Any, y: Any) -> Tensor:
        return function(*in_dtype((x, y), of_bits(dtype_of(x, y))))

    return run


def _shift(function: Callable[[Tensor, Tensor], Tensor], arithmetic: bool) -> Callable[[Any, Any], Tensor]:
    """TensorFlow's shift, which stops at the last bit; here a count beyond it, or below 0, moves every bit out.

    Args:
        function: The shift.
        arithmetic: Whether the sign comes in, where there is one.
    """

    def run(x: Any, y: Any) -> Tensor:
        name = of_bits(dtype_of(x, y))
        bits, certain = 8 * tf.as_dtype(name).size, isinstance(y, int) and y >= 0
        if certain and y < bits:
            return function(*in_dtype((x, y), name))
        x, y = in_dtype((x, y), name)
        fits = tf.logical_and(y >= 0, y < bits)
        shifted = function(x, tf.where(fits, y, tf.zeros_like(y)))
        signs = function(x, tf.constant(bits - 1, name)) if arithmetic and not x.dtype.is_unsigned else tf.zeros_like(x)
        return tf.where(fits, shifted, signs)

    return run


TABLE: dict[str, Callable[..., Any]] = {
    "bitwise_and": _on_bits(tf.bitwise.bitwise_and),
    "bitwise_or": _on_bits(tf.bitwise.bitwise_or),
    "bitwise_xor": _on_bits(tf.bitwise.bitwise_xor),
    "left_shift": _shift(tf.bitwise.left_shift, arithmetic=False),
    "right_shift": _shift(tf.bitwise.right_shift, arithmetic=True),
}
