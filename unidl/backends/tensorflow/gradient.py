"""Gradients and compiling, by TensorFlow's own means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def value_and_grad(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wanted: list[Any],
    has_aux: bool = False,
) -> tuple[Any, list[tf.Tensor]]:
    """What the function returns, and the gradient of its value by each wanted tensor or variable."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(wanted)
        returned = function(*args, **kwargs)
        value = returned[0] if has_aux else returned
    found = tape.gradient(value, wanted, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return returned, [tf.convert_to_tensor(gradient) for gradient in found]  # an embedding's comes as indexed slices


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled by XLA."""
    return tf.function(function, jit_compile=True)
