"""Lowerings of unidl.ops.control: TensorFlow's own control flow, which becomes nodes inside a tf.function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.tensor import to_tensor
from unidl.graph.node import leaves, map_nest, pack
from unidl.graph.spec import TensorSpec
from unidl.graph.stand_in import is_scalar_bool
from unidl.ops.control import as_tuple, check_gradients, split_custom, split_step, type_like

Tensor: TypeAlias = tf.Tensor


def stop_gradient(x: Tensor) -> Tensor:
    return tf.stop_gradient(x)


def apply_custom_gradient(function: Callable[..., Any], *inputs: Tensor) -> Any:
    @tf.custom_gradient
    def run(*xs: Tensor) -> Any:
        y, gradient = split_custom(function(*xs))

        def backward(*dys: Tensor) -> tuple[Any, ...]:
            gradients = as_tuple(gradient(*dys))
            check_gradients(len(gradients), len(xs))
            return gradients

        return (tuple(y) if isinstance(y, (list, tuple)) else y), backward

    return run(*inputs)


def cond(
    predicate: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: tuple[Any, ...] = ()
) -> Any:
    predicate = tf.convert_to_tensor(predicate)
    is_scalar_bool(TensorSpec(tuple(predicate.shape), predicate.dtype), "The predicate of ops.cond")
    given = _tensors(tuple(operands))
    return tf.cond(predicate, lambda: true_fn(*given), lambda: false_fn(*given))


def while_loop(
    condition: Callable[..., Any], body: Callable[..., Any], state: Any, max_iterations: int | None = None
) -> Any:
    start = _tensors(state)
    flat = tf.while_loop(
        lambda *now: condition(*as_tuple(pack(start, now))),
        lambda *now: list(leaves(_tensors(type_like(start, body(*as_tuple(pack(start, now))))))),
        list(leaves(start)),
        maximum_iterations=max_iterations,
    )
    return pack(start, flat)


def scan(
    step: Callable[[Any, Any], Any], initial: Any, xs: Any, reverse: bool = False, axis: int = 0
) -> tuple[Any, Any]:
    start, xs = _tensors(initial), _tensors(xs)
    slices = [_moved(x, axis, 0) for x in leaves(xs)]  # (time, …)

    def at(items: list[Tensor], carry: list[Tensor]) -> tuple[Any, Any]:
        after, y = split_step(step(pack(start, carry), pack(xs, items)))
        return list(leaves(_tensors(after))), _tensors(y)

    known = next((x.shape[0] for x in slices if x.shape[0] is not None), None)
    length = tf.shape(slices[0])[0] if known is None else known
    outputs = _output_specs(at, slices, list(leaves(start)))
    arrays = [tf.TensorArray(spec.dtype, length, element_shape=spec.shape) for spec in leaves(outputs)]

    def go(count: Tensor, carry: list[Tensor], written: list[Any]) -> Any:
        t = length - 1 - count if reverse else count
        carry, y = at([x[t] for x in slices], carry)
        return count + 1, carry, [array.write(t, leaf) for array, leaf in zip(written, leaves(y), strict=True)]

    _, carry, written = tf.while_loop(
        lambda count, *_: count < length,
        go,
        (tf.constant(0), list(leaves(start)), arrays),
        maximum_iterations=known,  # XLA needs it for a gradient
    )
    stacked = [array.stack() for array in written]  # (time, …)
    for tensor in stacked:
        tensor.set_shape([known, *tensor.shape[1:]])
    return pack(start, carry), pack(outputs, [_moved(tensor, 0, axis) for tensor in stacked])


def _output_specs(at: Callable[..., Any], slices: list[Tensor], carry: list[Tensor]) -> Any:
    """What the step gives, by tracing it once into a graph that is thrown away."""
    items = [tf.TensorSpec(x.shape[1:], x.dtype) for x in slices]
    traced = tf.function(lambda items, carry: at(items, carry)[1], autograph=False)
    outputs = traced.get_concrete_function(items, [tf.TensorSpec(t.shape, t.dtype) for t in carry]).structured_outputs
    return map_nest(lambda t: tf.TensorSpec(t.shape, t.dtype), outputs)


def _moved(x: Tensor, source: int, destination: int) -> Tensor:
    """The tensor with one axis at another place."""
    rank = x.shape.rank
    order = [i for i in range(rank) if i != source % rank]
    order.insert(destination % rank, source % rank)
    return x if order == list(range(rank)) else tf.transpose(x, order)


def _tensors(nest: Any) -> Any:
    """The nest with Python numbers as tensors."""
    return map_nest(lambda leaf: leaf if isinstance(leaf, tf.Tensor) else to_tensor(leaf), nest)


TABLE: dict[str, Callable[..., Any]] = {
    "stop_gradient": stop_gradient,
    "apply_custom_gradient": apply_custom_gradient,
    "cond": cond,
    "while_loop": while_loop,
    "scan": scan,
}
