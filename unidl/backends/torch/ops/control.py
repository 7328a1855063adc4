"""Lowerings of unidl.ops.control: Python itself, and torch's higher-order ops while torch compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._higher_order_ops import while_loop as compiled_while_loop

from unidl.graph.node import leaves, map_nest, pack
from unidl.graph.spec import TensorSpec
from unidl.graph.stand_in import is_scalar_bool
from unidl.ops.control import as_tuple, check_gradients, split_custom, split_step, type_like


def stop_gradient(x: Tensor) -> Tensor:
    return x.detach()


class _WithItsGradient(torch.autograd.Function):
    """A function that returns its result and its gradient, as torch wants it."""

    @staticmethod
    def forward(*given: Any) -> Any:
        ctx, function, *inputs = given  # unnamed: torch's compiler counts the names, and takes two inputs for none
        y, ctx.gradient = split_custom(function(*inputs))
        return tuple(y) if isinstance(y, (list, tuple)) else y

    @staticmethod
    def backward(ctx: Any, *dys: Tensor) -> Any:
        gradients = as_tuple(ctx.gradient(*dys))
        check_gradients(len(gradients), len(ctx.needs_input_grad) - 1)
        return None, *gradients


def apply_custom_gradient(function: Callable[..., Any], *inputs: Tensor) -> Any:
    return _WithItsGradient.apply(function, *inputs)


def cond(
    predicate: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: tuple[Any, ...] = ()
) -> Any:
    given = _tensors(tuple(operands))
    if torch.compiler.is_compiling():
        return torch.cond(predicate, true_fn, false_fn, given)
    predicate = torch.as_tensor(predicate)
    is_scalar_bool(TensorSpec(tuple(predicate.shape), predicate.dtype), "The predicate of ops.cond")
    return (true_fn if predicate else false_fn)(*given)


def while_loop(
    condition: Callable[..., Any], body: Callable[..., Any], state: Any, max_iterations: int | None = None
) -> Any:
    now = _tensors(state)
    many = isinstance(now, (list, tuple))
    if torch.compiler.is_compiling():
        return _compiled_loop(condition, body, now, max_iterations)
    rounds = 0
    while (max_iterations is None or rounds < max_iterations) and condition(*as_tuple(now)):
        now = _tensors(type_like(now, body(*as_tuple(now))))
        rounds += 1
    return now if many else as_tuple(now)[0]


def _compiled_loop(condition: Callable[..., Any], body: Callable[..., Any], state: Any, limit: int | None) -> Any:
    def go_on(count: Tensor, *now: Any) -> Tensor:
        holds = condition(*now)
        return holds if limit is None else torch.logical_and(holds, count < limit)

    def go(count: Tensor, *now: Any) -> tuple[Any, ...]:
        return (count + 1, *as_tuple(type_like(state, body(*now))))

    _, *last = compiled_while_loop(go_on, go, (torch.zeros((), dtype=torch.int64), *as_tuple(state)))
    return type_like(state, tuple(last)) if isinstance(state, (list, tuple)) else last[0]


def scan(
    step: Callable[[Any, Any], Any], initial: Any, xs: Any, reverse: bool = False, axis: int = 0
) -> tuple[Any, Any]:
    carry, xs = _tensors(initial), _tensors(xs)
    slices = [x.unbind(axis) for x in leaves(xs)]
    length = len(slices[0])
    if length == 0:
        return carry, _no_outputs(step, carry, xs, axis)
    outputs: list[Any] = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        carry, y = split_step(step(carry, pack(xs, [x[t] for x in slices])))
        carry, outputs[t] = _tensors(carry), _tensors(y)
    columns = zip(*(leaves(y) for y in outputs), strict=True)
    return carry, pack(outputs[0], [torch.stack(column, dim=axis) for column in columns])


def _no_outputs(step: Callable[[Any, Any], Any], carry: Any, xs: Any, axis: int) -> Any:
    """What a scan over no slices gives: the step on zeros tells the shapes."""
    with torch.no_grad():
        _, y = split_step(step(carry, map_nest(lambda x: x.new_zeros((1, *x.movedim(axis, 0).shape[1:]))[0], xs)))
    return map_nest(lambda t: torch.stack([t], dim=axis).narrow(axis, 0, 0), _tensors(y))


def _tensors(nest: Any) -> Any:
    """The nest with Python numbers as tensors, on the device of the tensors beside."""
    device = next((leaf.device for leaf in leaves(nest) if isinstance(leaf, torch.Tensor)), None)
    return map_nest(lambda leaf: leaf if isinstance(leaf, torch.Tensor) else torch.as_tensor(leaf, device=device), nest)


TABLE: dict[str, Callable[..., Any]] = {
    "stop_gradient": stop_gradient,
    "apply_custom_gradient": apply_custom_gradient,
    "cond": cond,
    "while_loop": while_loop,
    "scan": scan,
}
