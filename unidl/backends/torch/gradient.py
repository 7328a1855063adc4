"""Gradients and compiling, by torch's own means."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from unidl.graph.nesting import is_nested, one_deeper
from unidl.graph.node import map_nest


def value_and_grad(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wanted: list[Any],
    has_aux: bool = False,
) -> tuple[Any, list[Tensor]]:
    """What the function returns, and the gradient of its value by each wanted tensor or parameter."""
    by = wanted
    if args or kwargs or False in [t.requires_grad for t in wanted]:
        leaf = {id(t): t if t.requires_grad else _recordable(t).detach().requires_grad_() for t in wanted}
        args, kwargs = map_nest(lambda v: leaf[id(v)] if id(v) in leaf else _recordable(v), (args, kwargs))
        by = [leaf[id(t)] for t in wanted]
    with one_deeper() as nested, torch.enable_grad():
        return _differentiate(function(*args, **kwargs), by, has_aux, nested)


def _recordable(value: Any) -> Any:
    """A value of which torch may keep something for a gradient: not what was made in torch.inference_mode."""
    if torch.compiler.is_compiling():  # its tracer knows no such tensors, and cannot be asked
        return value
    return value.clone() if isinstance(value, Tensor) and value.is_inference() else value


def _differentiate(returned: Any, by: list[Tensor], has_aux: bool, keep: bool) -> tuple[Any, list[Tensor]]:
    value = returned[0] if has_aux else returned
    if value.requires_grad:
        found = torch.autograd.grad(value, by, create_graph=keep, allow_unused=True, materialize_grads=True)
    else:
        found = tuple(torch.zeros_like(t) for t in by)  # it depends on none of them
    if not keep:
        returned = map_nest(lambda t: t.detach() if isinstance(t, torch.Tensor) else t, returned)
    return returned, list(found)


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled whole by torch.compile, gradients taken inside it included.

    Inside a gradient of a gradient it runs as it is: what torch.compile makes has no second derivative.
    """
    compiled = torch.compile(function, fullgraph=True)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if is_nested():
            return function(*args, **kwargs)
        with torch._dynamo.config.patch(trace_autograd_ops=True):
            return compiled(*args, **kwargs)

    return run
