"""Lowerings of unidl.ops.control. A functional Keras model holds them as operations, with the functions inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import deferred
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.gradient import with_its_gradient
from unidl.backends.keras.tensor import is_tensor, plain, to_tensor
from unidl.graph.node import leaves, map_nest, pack
from unidl.graph.spec import TensorSpec
from unidl.graph.stand_in import is_scalar_bool
from unidl.ops.control import as_tuple, split_step, type_like

ops = keras.ops
Tensor = Any


@deferred("apply_custom_gradient")
def apply_custom_gradient(function: Callable[..., Any], *inputs: Tensor) -> Any:
    return with_its_gradient(function, tuple(plain(x) for x in inputs))


@deferred("cond")
def cond(
    predicate: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: tuple[Any, ...] = ()
) -> Any:
    predicate = ops.convert_to_tensor(plain(predicate))
    dtype = keras.backend.standardize_dtype(predicate.dtype)
    is_scalar_bool(TensorSpec(tuple(predicate.shape), dtype), "The predicate of ops.cond")
    given = _tensors(tuple(operands))
    return ops.cond(predicate, lambda: true_fn(*given), lambda: false_fn(*given))


@deferred("while_loop")
def while_loop(
    condition: Callable[..., Any], body: Callable[..., Any], state: Any, max_iterations: int | None = None
) -> Any:
    start = _tensors(state)
    last = ops.while_loop(
        lambda *now: condition(*as_tuple(pack(start, now))),
        lambda *now: tuple(leaves(_tensors(type_like(start, body(*as_tuple(pack(start, now))))))),
        tuple(leaves(start)),
        max_iterations,
    )
    return pack(start, last)


@deferred("scan")
def scan(
    step: Callable[[Any, Any], Any], initial: Any, xs: Any, reverse: bool = False, axis: int = 0
) -> tuple[Any, Any]:
    start, xs = _tensors(initial), _tensors(xs)
    slices = map_nest(lambda x: ops.moveaxis(x, axis, 0), xs)  # (time, …)

    def go(carry: Any, x: Any) -> tuple[Any, Any]:
        after, y = split_step(step(carry, x))
        return pack(start, leaves(_tensors(after))), _tensors(y)

    if ENGINE == "tensorflow":
        last, outputs = _scan_with_outputs_like_the_carry(go, start, slices, reverse)
    else:
        last, outputs = ops.scan(go, start, slices, reverse=reverse)
    return last, map_nest(lambda y: ops.moveaxis(y, 0, axis), outputs)


def _scan_with_outputs_like_the_carry(
    go: Callable[..., Any], start: Any, slices: Any, reverse: bool
) -> tuple[Any, Any]:
    """keras.ops.scan on TensorFlow wants outputs of the carry's own shapes: the outputs become part of the carry."""
    _, y = go(start, map_nest(lambda x: ops.zeros(ops.shape(x)[1:], x.dtype), slices))  # only its shapes are used
    zeros = map_nest(ops.zeros_like, y)

    def both(carry: list[Tensor], x: Any) -> tuple[list[Tensor], list[Tensor]]:
        after, y = go(pack((start, zeros), carry)[0], x)
        new = list(leaves((after, y)))
        return new, new

    last, outputs = ops.scan(both, list(leaves((start, zeros))), slices, reverse=reverse)
    return pack((start, zeros), last)[0], pack((start, zeros), outputs)[1]


def _tensors(nest: Any) -> Any:
    """The nest with Python numbers and variables as tensors."""
    return map_nest(lambda leaf: plain(leaf) if is_tensor(leaf) else to_tensor(leaf), nest)


TABLE: dict[str, Callable[..., Any]] = {
    "stop_gradient": lambda x: ops.stop_gradient(plain(x)),
    "apply_custom_gradient": apply_custom_gradient,
    "cond": cond,
    "while_loop": while_loop,
    "scan": scan,
}
