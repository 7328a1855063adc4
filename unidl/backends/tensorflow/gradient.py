"""Gradients and compiling, by TensorFlow's own means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from unidl.graph.nesting import one_deeper
from unidl.graph.node import map_nest


def value_and_grad(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wanted: list[Any],
    has_aux: bool = False,
) -> tuple[Any, list[tf.Tensor]]:
    """What the function returns, and the gradient of its value by each wanted tensor or variable."""
    # of no other history: an op that works on what such a tensor was made of (on_rows) would pass it by
    own = {id(tensor): tf.identity(tensor) for tensor in wanted if tf.is_symbolic_tensor(tensor)}
    args, kwargs = map_nest(lambda leaf: own.get(id(leaf), leaf), (args, kwargs)) if own else (args, kwargs)
    wanted = [own.get(id(tensor), tensor) for tensor in wanted]
    with one_deeper(), tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(wanted)
        returned = function(*args, **kwargs)
        value = returned[0] if has_aux else returned
    found = tape.gradient(value, wanted, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return returned, [tf.convert_to_tensor(gradient) for gradient in found]  # an embedding's comes as indexed slices


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled by XLA."""
    return tf.function(function, jit_compile=True)
