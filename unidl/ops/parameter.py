"""What an op's parameters take, read off the annotations of its declaration.

An annotation that the table below knows is checked at each call, symbolic or not, before the op's rule; a NumPy scalar in the place of
a Python number becomes that number. What depends on other arguments (a range of axes, a shape that fits) is the rule's to check.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl.errors import ArgumentError
from unidl.graph.operand import check_operand, described, tensor_spec
from unidl.graph.spec import dtype_name
from unidl.graph.tensor import SymbolicTensor

_INT64, _UINT64 = range(-(2**63), 2**63), range(2**64)


class _UnfitError(Exception):
    """A value that a parameter does not take."""


@dataclass(frozen=True)
class Kind:
    """The values that a parameter takes.

    Args:
        expected: In words.
        take: Returns the value as Python's own, or raises _UnfitError.
    """

    expected: str
    take: Callable[[Any], Any]


def _within(bounds: range) -> Callable[[Any], int]:
    def take(value: Any) -> int:
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or int(value) not in bounds:
            raise _UnfitError
        return operator.index(value)

    return take


_integer = _within(_INT64)


def _number(value: Any) -> bool | int | float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    return _integer(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise _UnfitError
    return bool(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _UnfitError
    return value


def _sequence(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        if isinstance(value, (range, np.ndarray)) and np.ndim(value):
            value = tuple(value)
        if not isinstance(value, (list, tuple)):
            raise _UnfitError
        items = [item(v) for v in value]
        same = type(value) in (list, tuple) and all(a is b for a, b in zip(items, value, strict=True))
        return value if same else tuple(items)

    return take


def _either(*takes: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        for one in takes[:-1]:
            try:
                return one(value)
            except _UnfitError:
                continue
        return takes[-1](value)

    return take


def _none(value: Any) -> None:
    if value is not None:
        raise _UnfitError


def _bound(value: Any) -> Any:
    """A number as Python's own; what else there is, the rule has an answer to."""
    return value if isinstance(value, SymbolicTensor) else _either(_none, _number)(value)


def _function(value: Any) -> Any:
    if not callable(value):
        raise _UnfitError
    return value


_integers = _sequence(_integer)
_AN_INTEGER = "an integer (of 64 bits)"
_INTEGERS = "integers in a tuple or list"

# annotation -> what it takes. "Tensor" and its like are operands; an annotation that is not here is left to the op's rule
KINDS: dict[str, Kind] = {
    "int": Kind(_AN_INTEGER, _integer),
    "Bound | None": Kind("a Python number, or None", _bound),
    "Word": Kind("an integer of 64 bits without sign", _within(_UINT64)),
    "int | None": Kind(f"{_AN_INTEGER}, or None", _either(_none, _integer)),
    "float": Kind("a Python number", _number),
    "float | None": Kind("a Python number, or None", _either(_none, _number)),
    "bool": Kind("True or False", _flag),
    "str": Kind("text", _text),
    "Sequence[int]": Kind(_INTEGERS, _integers),
    "Sequence[int] | None": Kind(f"{_INTEGERS}, or None", _either(_none, _integers)),
    "Axis": Kind(f"{_AN_INTEGER}, {_INTEGERS}, or None", _either(_none, _integer, _integers)),
    "int | Sequence[int]": Kind(f"{_AN_INTEGER}, or {_INTEGERS}", _either(_integer, _integers)),
    "int | Sequence[int] | None": Kind(f"{_AN_INTEGER}, {_INTEGERS}, or None", _either(_none, _integer, _integers)),
    "Sequence[Sequence[int]]": Kind("pairs of integers in a tuple or list", _sequence(_integers)),
    "int | tuple[tuple[int, ...], tuple[int, ...]]": Kind(
        f"{_AN_INTEGER}, or two tuples of integers", _either(_integer, _sequence(_integers))
    ),
    "Callable[..., Any]": Kind("a function", _function),
    "Callable[..., Nest]": Kind("a function", _function),
    "Callable[..., Tensor]": Kind("a function", _function),
    "Callable[[Nest, Nest], tuple[Nest, Nest]]": Kind("a function", _function),
}
_DTYPES = ("str", "str | None")


def conform(name: str, annotation: str, value: Any) -> Any:
    """The value of a parameter, as Python's own.

    Args:
        name: The parameter's.
        annotation: As the op's declaration has it.
        value: What was given; tensors of a framework are symbolic here.

    Raises:
        ArgumentError: The parameter does not take it.
        DtypeError: There is no such dtype.
    """
    if annotation == "Tensor":
        check_operand(value)
        return value
    if annotation == "Tensor | None":
        if value is not None:
            tensor_spec(value)
        return value
    if name == "dtype" and annotation in _DTYPES:
        return None if value is None and annotation == "str | None" else dtype_name(value)
    kind = KINDS.get(annotation)
    if kind is None:
        return value
    try:
        return kind.take(value)
    except _UnfitError:
        raise ArgumentError(f"{name} is {kind.expected}.", received=described(value)) from None
