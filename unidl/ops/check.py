"""A call of an op against the op's declaration: the annotations of its parameters, then its rule.

A symbolic call is checked so as it is recorded. A call on a framework's tensors is checked alike: symbolic tensors of the same shapes and
dtypes stand for them, so the same wrong call is the same error on every backend, whether a model is described or computes.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from unidl.capture import wrong_arguments
from unidl.errors import ShapeError, UnidlError
from unidl.graph.array import holds_floats, is_array
from unidl.graph.node import map_nest, symbols
from unidl.graph.spec import TensorSpec, is_float
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.ops.parameter import conform
from unidl.ops.stream import noting

if TYPE_CHECKING:
    from unidl.ops.op import Op

MOST = 2**47  # elements of a tensor: beyond what a processor addresses


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
    """The arguments by the names of the op's parameters, without defaults.

    Raises:
        UnknownArgumentError: One is missing, too many or unknown.
    """
    try:
        return op.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise wrong_arguments(op.title, [op.name], op.signature, kwargs, error) from None


def conformed(op: Op, bound: inspect.BoundArguments) -> dict[str, Any]:
    """Check each argument against its parameter's annotation; the values that are to be given in another form, by name.

    Raises:
        ArgumentError: A parameter does not take its argument.
        DtypeError: There is no such dtype.
    """
    changed = {}
    for name, value in bound.arguments.items():
        annotation = op.annotations[name]
        if name == op.variadic:
            for item in value:
                conform(name, annotation, item)
        elif (taken := conform(name, annotation, value)) is not value:
            changed[name] = taken
    return changed


def spec_by_rule(op: Op, rule: Callable[..., Any], bound: inspect.BoundArguments) -> Any:
    """What the rule says of the result; `bound` has symbolic tensors.

    Raises:
        UnidlError: As the rule.
        ShapeError: The result is larger than any memory.
    """
    bound.apply_defaults()
    return map_nest(_of_some_memory, rule(*bound.args, **bound.kwargs))


def _of_some_memory(spec: Any) -> Any:
    """The spec, if a tensor of it could lie in a machine's memory."""
    if isinstance(spec, TensorSpec) and math.prod(n for n in spec.shape if n is not None) >= MOST:
        raise ShapeError(
            "No memory holds so large a tensor.", expected=f"fewer than {MOST:,} elements", received=str(spec.shape)
        )
    return spec


class naming:  # noqa: N801  # used as `with naming(op)`
    """Inside, an error is the op's: its message begins with the op's name, in place of those of the ops within."""

    def __init__(self, op: Op) -> None:
        self.op = op

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, UnidlError):
            error.in_op(self.op.title)


def check(
    op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], is_tensor: Callable[[Any], bool]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Check a call on a framework's tensors; its arguments, NumPy scalars in the place of Python numbers made these.

    Args:
        op: What is called.
        args: Its positional arguments.
        kwargs: Its arguments by name.
        is_tensor: Whether a value is a framework's tensor.

    Raises:
        UnidlError: As the same call with symbolic tensors.
    """

    def stand_in(value: Any) -> Any:
        return symbol_like(value) if is_tensor(value) else value

    with naming(op):
        given = bind(op, *map_nest(stand_in, (args, kwargs)))
        changed = conformed(op, given)
        given.arguments.update(changed)
        rule = op.eager_rule
        if rule is not None:
            spec_by_rule(op, rule, given)
        elif op.composed:
            with noting():
                _describe_arrays(op, given)
                op.function(*given.args, **given.kwargs)
    if not changed:
        return args, kwargs
    bound = op.signature.bind(*args, **kwargs)
    bound.arguments.update(changed)
    return bound.args, bound.kwargs


def _describe_arrays(op: Op, given: inspect.BoundArguments) -> None:
    """Symbolic tensors for a composed op's arrays: its body is to describe, not to compute."""
    floating = next((tensor.dtype for tensor in symbols(given.arguments) if is_float(tensor.dtype)), None)
    for name, value in given.arguments.items():
        if is_array(value) and op.annotations[name].startswith("Tensor"):
            dtype = floating if floating is not None and holds_floats(value) else value.dtype
            given.arguments[name] = placeholder(TensorSpec(value.shape, dtype))


def symbol_like(tensor: Any) -> SymbolicTensor:
    """A symbolic tensor of a framework's tensor's shape and dtype."""
    return placeholder(TensorSpec(tuple(tensor.shape), tensor.dtype))
