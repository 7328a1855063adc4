"""Lowerings of unidl.ops.bitwise. Every operand is of any shape; the result has the broadcast shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import of_engine
from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import dtype_of, in_dtype
from unidl.ops.bitwise import of_bits

Tensor = Any


def _on_bits(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Any], Tensor]:
    """Keras' function, on integers alone."""

    def run(x: Any, y: Any) -> Tensor:
        return function(*in_dtype((x, y), of_bits(dtype_of(x, y))))

    return run


TABLE: dict[str, Callable[..., Any]] = {
    "bitwise_and": _on_bits(keras.ops.bitwise_and),
    "bitwise_or": _on_bits(keras.ops.bitwise_or),
    "bitwise_xor": _on_bits(keras.ops.bitwise_xor),
    "left_shift": of_engine("left_shift", _on_bits(keras.ops.bitwise_left_shift)),
    "right_shift": of_engine("right_shift", _on_bits(keras.ops.bitwise_right_shift)),
}
