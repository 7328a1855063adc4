"""Gradients of plain functions and of models, and compiling, on whichever backend the tensors are of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from unidl import arguments
from unidl.backends import registry
from unidl.backends.contract import Backend
from unidl.capture import told_arguments
from unidl.errors import ArgumentError, DtypeError, ShapeError
from unidl.graph.nesting import is_nested
from unidl.graph.node import leaves, map_nest, pack
from unidl.graph.spec import dtype_name, is_float
from unidl.models import Model
from unidl.models.calling import raise_meant
from unidl.ops.op import backend_of, running

Function = Callable[..., Any]


@told_arguments
def value_and_grad(function: Function, of: Any = None, has_aux: bool = False) -> Function:
    """A function that gives the value of another and its gradient.

        (value, gradient) = value_and_grad(f)(x, …),        gradient = df/dx at x

    Args:
        function: Returns a scalar tensor; with `has_aux` a pair (scalar, anything).
        of: None: the gradient is by the first argument, a tensor, an array, a float or a nest of them, and has its structure.
            A built model: the gradient is by its trainable weights, a dict of path -> tensor in canonical layout.
        has_aux: Whether the function returns something beside the value; the value then is the pair that it returned.

    Returns:
        A function of the same arguments that returns (value, gradient). Zero where the value does not depend on an input.

    Raises:
        ShapeError: The value is no scalar.
        DtypeError: An input by which a gradient is asked is no float.
        ArgumentError: The function was called without an argument, and no model was given.

    Example:
        >>> value, gradient = unidl.value_and_grad(lambda x: ops.sum(x * x))(np.array([1.0, 2.0]))
        >>> float(unidl.to_numpy(value)), unidl.to_numpy(gradient).tolist()
        (5.0, [2.0, 4.0])

    Where the frameworks differ: torch.autograd, TensorFlow's tape and jax.grad do the work. It may be nested, for second
    derivatives, and stand inside `unidl.jit`. Keras' gradients are those of its engine.
    """
    arguments.function("value_and_grad", "function", function, " that returns a scalar tensor")
    arguments.flag("value_and_grad", "has_aux", has_aux)
    if of is not None:
        arguments.instance("value_and_grad", "of", of, Model, "a built model, by whose weights the gradient is taken")
        return _of_model(function, of, has_aux)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if not args:
            raise ArgumentError(
                "A gradient by the first argument needs one.",
                received="no positional argument",
                fix="Give of=model, or an argument.",
            )
        backend = backend_of(args, kwargs)
        with _context(backend), _undisturbed(backend):
            first = map_nest(lambda leaf: _differentiable(backend, leaf), args[0])
            others, named = map_nest(lambda leaf: _converted(backend, leaf), (args[1:], kwargs))
            wanted = list(leaves(first))
            returned, found = backend.value_and_grad(
                _checked(function, has_aux), (first, *others), named, wanted, has_aux
            )
        return returned, pack(first, found)

    return run


@told_arguments
def grad(function: Function, of: Any = None) -> Function:
    """A function that gives the gradient of another; see `value_and_grad`.

    Args:
        function: Returns a scalar tensor.
        of: None: the gradient is by the first argument. A built model: by its trainable weights, a dict of path -> tensor.

    Example:
        >>> unidl.to_numpy(unidl.grad(lambda x: ops.sum(x ** 3))(np.array([1.0, 2.0]))).tolist()
        [3.0, 12.0]
    """
    both = value_and_grad(function, of)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return run


@told_arguments
def jit(function: Function) -> Function:
    """The function compiled by the framework whose tensors it is given: torch.compile, or XLA.

    Args:
        function: Of tensors, arrays and nests of them, without side effects; arrays become tensors first.

    Example:
        >>> fast = unidl.jit(lambda x: ops.sum(x * x))
        >>> with unidl.using("tensorflow"):
        ...     float(unidl.to_numpy(fast(np.array([1.0, 2.0]))))
        5.0

    Where the frameworks differ: every other shape is compiled anew (torch turns to a program for any shape by itself). torch
    needs a C++ compiler on a CPU, and a function that it can trace whole.
    """
    arguments.function("jit", "function", function)
    compiled: dict[tuple[str, bool], Function] = {}

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        backend = backend_of(args, kwargs)
        program = backend.NAME, is_nested()  # inside another gradient some layers run their definitions
        if program not in compiled:
            compiled[program] = backend.jit(function)
        given, named = map_nest(lambda leaf: _converted(backend, leaf), (args, kwargs))
        with _context(backend):
            try:
                return compiled[program](*given, **named)
            except backend.ERRORS as error:
                raise_meant(backend, error)

    return run


def _of_model(function: Function, model: Any, has_aux: bool) -> Function:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        backend = registry.load(model.backend)
        slots = model.trainable_slots()
        natives = {id(slot.native): slot.native for slot in slots.values()}  # several weights may be parts of one
        with _context(backend), _undisturbed(backend):
            given, named = map_nest(lambda leaf: _converted(backend, leaf), (args, kwargs))
            returned, found = backend.value_and_grad(
                _checked(function, has_aux), given, named, list(natives.values()), has_aux
            )
        gradients = dict(zip(natives, found, strict=True))
        return returned, {path: slot.view(gradients[id(slot.native)]) for path, slot in slots.items()}

    return run


def _context(backend: Backend) -> AbstractContextManager[object]:
    """Ops without a tensor belong to that backend inside; its compiler is asked instead while it traces."""
    return nullcontext() if backend.is_compiling() else running(backend)


def _undisturbed(backend: Backend) -> AbstractContextManager[object]:
    """Contexts in which nothing is recorded for gradients do not stand around."""
    return nullcontext() if backend.is_compiling() else backend.ambient("A gradient", None, "gradient")


def _converted(backend: Backend, leaf: Any) -> Any:
    return backend.to_tensor(leaf) if type(leaf).__module__ == "numpy" else leaf


def _differentiable(backend: Backend, leaf: Any) -> Any:
    tensor = backend.to_tensor(leaf)
    if not is_float(dtype_name(tensor.dtype)):
        raise DtypeError(
            "A gradient is by real numbers.",
            expected="a floating dtype",
            received=dtype_name(tensor.dtype),
            fix='ops.cast(x, "float32"), or give the integers as a later argument.',
        )
    return tensor


def _checked(function: Function, has_aux: bool) -> Function:
    """The function, whose value is checked to be a scalar float."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        returned = function(*args, **kwargs)
        value = returned
        if has_aux:
            if not isinstance(returned, (tuple, list)) or len(returned) != 2:
                raise ArgumentError(
                    "With has_aux the function returns a pair.",
                    expected="(value, anything)",
                    received=type(returned).__name__,
                )
            value = returned[0]
        shape = getattr(value, "shape", None)
        if shape is None or len(shape) != 0:
            raise ShapeError(
                "A gradient is of a scalar.",
                expected="a tensor of shape ()",
                received=f"a {type(value).__name__}" if shape is None else str(tuple(shape)),
                fix="ops.sum(y) or ops.mean(y).",
            )
        return returned

    return run
