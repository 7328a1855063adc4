"""Lengths of axes as arguments: integers, -1 for the one that is to be found, and scalars that `ops.shape` gave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from unidl.errors import ArgumentError, DtypeError, ShapeError
from unidl.graph.node import OpCall
from unidl.graph.operand import described, tensor_spec
from unidl.graph.spec import Shape, is_integer
from unidl.graph.tensor import SymbolicTensor


def length(value: Any, open_ended: bool = False) -> int | None:
    """A length as far as it is known: None for a symbolic scalar.

    Args:
        value: An integer, or a scalar that `ops.shape` gave.
        open_ended: Whether -1 may stand for a length that is to be found.

    Raises:
        ArgumentError: It is no integer.
        ShapeError: It is a tensor with axes.
        DtypeError: It is a tensor of another dtype than integers.
    """
    if isinstance(value, SymbolicTensor):
        if value.shape != ():
            raise ShapeError("The length of an axis is a scalar.", received=f"a tensor of shape {value.shape}")
        if not is_integer(value.dtype):
            raise DtypeError("The length of an axis is an integer.", received=value.dtype, fix='ops.cast(n, "int64")')
        return None
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        unknown = "-1 stands for a length that is to be found; " if open_ended else ""
        raise ArgumentError(
            "The length of an axis is an integer or a scalar from ops.shape.",
            received=described(value),
            fix=f"{unknown}ops.shape(x)[0] is one that is known when the model runs." if value is None else None,
        )
    if not -(2**63) <= int(value) < 2**63:
        raise ShapeError("No axis is so long.", expected="a length below 2**63", received=described(int(value)))
    return int(value)


def lengths(values: Any) -> Shape:
    """Lengths as far as they are known, of a shape or of one axis; none may be negative."""
    found = tuple(length(v) for v in (values if isinstance(values, (tuple, list)) else (values,)))
    if any(n is not None and n < 0 for n in found):
        raise ShapeError("No axis has a negative length.", received=str(found))
    return found


def several(values: Any, what: str) -> Sequence[Any]:
    """The values, if they are a list or tuple.

    Raises:
        ArgumentError: They are something else.
    """
    if not isinstance(values, (list, tuple)):
        raise ArgumentError(f"{what} is a list or tuple.", received=described(values))
    return values


def reshaped(x: Any, shape: Any) -> Shape:
    """The shape after a reshape of x.

    A scalar that `ops.shape(x)` gave for an axis of this very x cancels against that axis, so that
    `ops.reshape(x, (ops.shape(x)[0], -1))` has a known last axis where x has.

    Raises:
        ShapeError: The number of elements cannot be kept, or -1 stands twice.
    """
    have_shape = tensor_spec(x).shape
    given = [length(value, open_ended=True) for value in several(shape, "A shape")]
    if given.count(-1) > 1 or any(n is not None and n < -1 for n in given):
        raise ShapeError("One axis at most is -1, and none below.", received=str(tuple(given)))
    source: list[int | None] = list(have_shape)
    target: list[int | None] = list(given)
    for value in shape:
        axis = _axis_of(value, x)
        if axis is not None and source[axis] is None and None in target:
            source[axis] = 1
            target[target.index(None)] = 1  # any one: only the product matters
    if None in source:
        return tuple(None if n == -1 else n for n in given)
    have, want = math.prod(source), math.prod(n for n in target if n not in (None, -1))  # type: ignore[arg-type]
    free = [i for i, n in enumerate(target) if n in (None, -1)]
    if not free:
        fits = have == want
    elif want == 0:  # any length would do for -1, and so none is meant
        fits = have == 0 and -1 not in target
    else:
        fits = have % want == 0
    if not fits:
        raise ShapeError(
            f"A tensor of shape {have_shape} cannot be reshaped to {tuple(given)}.",
            expected=f"{have} elements" + (", or a divisor of it beside -1" if free else ""),
            received=f"{want}",
        )
    if len(free) == 1 and target[free[0]] == -1:
        given[given.index(-1)] = have // want
    return tuple(None if n == -1 else n for n in given)


def _axis_of(value: Any, x: Any) -> int | None:
    """The axis of x whose length the scalar is, if `ops.shape(x)` gave it."""
    if not isinstance(value, SymbolicTensor):
        return None
    node = value.unidl_node
    if not isinstance(node, OpCall) or node.op.name != "shape" or not any(t is x for t in node.inputs):
        return None
    return next(i for i, output in enumerate(node.outputs) if output is value)
