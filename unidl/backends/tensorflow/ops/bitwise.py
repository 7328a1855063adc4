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


TABLE: dict[str, Callable[..., Any]] = {
    "bitwise_and": _on_bits(tf.bitwise.bitwise_and),
    "bitwise_or": _on_bits(tf.bitwise.bitwise_or),
    "bitwise_xor": _on_bits(tf.bitwise.bitwise_xor),
    "left_shift": _on_bits(tf.bitwise.left_shift),
    "right_shift": _on_bits(tf.bitwise.right_shift),
}
