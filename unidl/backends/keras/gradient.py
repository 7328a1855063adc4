"""Gradients and compiling: Keras has no call for either, so each engine's own means are used."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import ENGINE, keras
from unidl.graph.nesting import is_nested, one_deeper
from unidl.graph.node import map_nest
from unidl.ops.control import as_tuple, check_gradients, split_custom

Tensor = Any
engine: Any = sys.modules[ENGINE]  # tensorflow, torch or jax, imported by Keras


def value_and_grad(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wanted: list[Any],
    has_aux: bool = False,
) -> tuple[Any, list[Tensor]]:
    """What the function returns, and the gradient of its value by each wanted tensor or variable."""
    wanted = [w.value if isinstance(w, keras.Variable) and ENGINE != "jax" else w for w in wanted]
    return _VALUE_AND_GRAD[ENGINE](function, args, kwargs, wanted, has_aux)


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled by the engine's compiler: XLA, or torch.compile."""
    return _JIT[ENGINE](function)


def with_its_gradient(function: Callable[..., Any], inputs: tuple[Tensor, ...]) -> Any:
    """The result of a function that returns its result and its gradient."""
    return _WITH_ITS_GRADIENT[ENGINE](function, inputs)


# -- TensorFlow --------------------------------------------------------------------------------------------------------------


def _tensorflow_gradient(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wanted: list[Any], has_aux: bool
) -> tuple[Any, list[Tensor]]:
    with one_deeper(), engine.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(wanted)
        returned = function(*args, **kwargs)
        value = returned[0] if has_aux else returned
    found = tape.gradient(value, wanted, unconnected_gradients=engine.UnconnectedGradients.ZERO)
    return returned, [
        engine.convert_to_tensor(gradient) for gradient in found
    ]  # an embedding's comes as indexed slices


def _tensorflow_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    return engine.function(function, jit_compile=True)


def _split(function: Callable[..., Any], inputs: tuple[Tensor, ...]) -> tuple[Any, Callable[..., tuple[Any, ...]]]:
    """The result, a tuple where there are several, and the checked backward function."""
    y, gradient = split_custom(function(*inputs))

    def backward(*dys: Tensor) -> tuple[Any, ...]:
        gradients = as_tuple(gradient(*dys))
        check_gradients(len(gradients), len(inputs))
        return gradients

    return tuple(y) if isinstance(y, list) else y, backward


def _tensorflow_custom(function: Callable[..., Any], inputs: tuple[Tensor, ...]) -> Any:
    return engine.custom_gradient(lambda *xs: _split(function, xs))(*inputs)


# -- torch -------------------------------------------------------------------------------------------------------------------


def _recordable(value: Any) -> Any:
    """A value of which torch may keep something for a gradient: not what was made in torch.inference_mode."""
    return value.clone() if isinstance(value, engine.Tensor) and value.is_inference() else value


def _torch_gradient(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wanted: list[Any], has_aux: bool
) -> tuple[Any, list[Tensor]]:
    leaf = {id(t): t if t.requires_grad else _recordable(t).detach().requires_grad_() for t in wanted}
    args, kwargs = map_nest(lambda v: leaf[id(v)] if id(v) in leaf else _recordable(v), (args, kwargs))
    by = [leaf[id(t)] for t in wanted]
    with one_deeper() as nested, engine.enable_grad():
        returned = function(*args, **kwargs)
        value = returned[0] if has_aux else returned
        if not value.requires_grad:  # it depends on none of them
            return returned, [engine.zeros_like(t) for t in by]
        found = engine.autograd.grad(value, by, create_graph=nested, allow_unused=True, materialize_grads=True)
    if not nested:
        returned = map_nest(lambda t: t.detach() if isinstance(t, engine.Tensor) else t, returned)
    return returned, list(found)


def _torch_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled = engine.compile(function)  # Keras' own layers break torch's graph, so not fullgraph

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if is_nested():  # what torch.compile makes has no second derivative
            return function(*args, **kwargs)
        with engine._dynamo.config.patch(trace_autograd_ops=True):
            return compiled(*args, **kwargs)

    return run


if ENGINE == "torch":

    class _WithItsGradient(engine.autograd.Function):
        """A function that returns its result and its gradient, as torch wants it."""

        @staticmethod
        def forward(*given: Any) -> Any:
            ctx, function, *inputs = given  # unnamed: torch's compiler counts the names, and takes two inputs for none
            y, ctx.backward_function = _split(function, tuple(inputs))
            return y

        @staticmethod
        def backward(ctx: Any, *dys: Tensor) -> Any:
            return None, *ctx.backward_function(*dys)

    def _torch_custom(function: Callable[..., Any], inputs: tuple[Tensor, ...]) -> Any:
        return _WithItsGradient.apply(function, *inputs)

else:
    _torch_custom = _tensorflow_custom


# -- jax ---------------------------------------------------------------------------------------------------------------------


class _Recorded(keras.StatelessScope):  # type: ignore[misc]  # Keras has no types
    """A scope in which variables are given values, and what is assigned to others is kept: jax would lose it."""

    def __init__(self, given: list[Any]) -> None:
        super().__init__(state_mapping=given)
        self.moved: dict[int, Any] = {}

    def add_update(self, update: tuple[Any, Any]) -> None:
        """One assignment."""
        self.moved[id(update[0])] = update[0]
        super().add_update(update)


def _jax_gradient(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], wanted: list[Any], has_aux: bool
) -> tuple[Any, list[Tensor]]:
    values = [w.value if isinstance(w, keras.Variable) else w for w in wanted]
    place = {id(w): i for i, w in enumerate(wanted)}
    moved: list[Any] = []

    def of(now: list[Tensor]) -> Any:
        variables = [(w, v) for w, v in zip(wanted, now, strict=True) if isinstance(w, keras.Variable)]
        given = map_nest(lambda v: now[place[id(v)]] if id(v) in place else v, (args, kwargs))
        with _Recorded(variables) as scope:
            returned = function(*given[0], **given[1])
        moved[:] = scope.moved.values()
        after = [scope.get_current_value(variable) for variable in moved]
        return (returned[0] if has_aux else returned), (returned, after)

    (_, (returned, after)), found = engine.value_and_grad(of, has_aux=True)(values)
    for variable, value in zip(moved, after, strict=True):
        variable.assign(value)
    return returned, list(found)


def _jax_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    return engine.jit(function)


def _jax_custom(function: Callable[..., Any], inputs: tuple[Tensor, ...]) -> Any:
    def run(*xs: Tensor) -> Any:
        y, backward = _split(function, xs)
        return y, (lambda dys: backward(*dys)) if isinstance(y, tuple) else backward

    return engine.custom_gradient(run)(*inputs)


_VALUE_AND_GRAD = {"tensorflow": _tensorflow_gradient, "torch": _torch_gradient, "jax": _jax_gradient}
_JIT = {"tensorflow": _tensorflow_jit, "torch": _torch_jit, "jax": _jax_jit}
_WITH_ITS_GRADIENT = {"tensorflow": _tensorflow_custom, "torch": _torch_custom, "jax": _jax_custom}
