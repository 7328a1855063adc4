"""Numbers that record what Python does with them: the expression behind a schedule's learning rate or a metric's result."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import numpy as np

from unidl.errors import SourceError

Shape = tuple[int | None, ...]

# NumPy's functions that Python has an operator for: what `np.float64(2) * x` calls
_UFUNCS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/", "floor_divide": "//", "remainder": "%",
    "power": "**", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
# methods of arrays, for a metric's state
METHODS = frozenset(
    ["all", "any", "astype", "cumsum", "diagonal", "dot", "max", "mean", "min", "prod", "std", "sum", "trace", "var"]
)


@dataclass(frozen=True, eq=False)
class Expression:
    """What was computed.

    Args:
        name: An operator ("+", "neg", "getitem"), a function as code calls it ("math.cos"), a method (".sum"), or a variable's name.
        function: What computes it; None for a variable.
        args: Expressions and plain values.
        kwargs: Likewise.
    """

    name: str
    function: Callable[..., Any] | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def value(self, known: dict[str, Any]) -> Any:
        """The number, for these values of the variables."""
        if self.function is None:
            return known[self.name]

        def one(arg: Any) -> Any:
            if isinstance(arg, (list, tuple)):
                return type(arg)(map(one, arg))
            return arg.value(known) if isinstance(arg, Expression) else arg

        return self.function(*map(one, self.args), **{key: one(arg) for key, arg in self.kwargs.items()})


class Asked(Protocol):
    """Who answers `bool(number)`, one way in each run."""

    def answer(self, condition: Expression) -> bool:
        """The answer in this run."""


def bare(value: Any) -> Any:
    """A value, or a nest of them, with expressions in place of recorded numbers."""
    if isinstance(value, Recorded):
        return value._expression
    if isinstance(value, np.ndarray) and value.dtype == object:
        return bare(value.tolist())
    if isinstance(value, (list, tuple)):
        return type(value)(map(bare, value))
    return value


def recorded_in(*values: Any) -> Recorded | None:
    """The first recorded number among values, in lists and tuples too."""
    for value in values:
        if isinstance(value, Recorded):
            return value
        inside = value.ravel().tolist() if isinstance(value, np.ndarray) and value.dtype == object else value
        found = recorded_in(*inside) if isinstance(inside, (list, tuple)) else None
        if found is not None:
            return found
    return None


def recording(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which is recorded where a recorded number is among its arguments."""

    def run(*args: Any, **kwargs: Any) -> Any:
        found = recorded_in(*args, *kwargs.values())
        return function(*args, **kwargs) if found is None else found._made(name, function, *args, **kwargs)

    return run


def _binary(symbol: str, function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def straight(self: Recorded, other: Any) -> Any:
        if isinstance(other, (int, float)) and (symbol, other) in (("+", 0), ("-", 0), ("*", 1), ("/", 1)):
            return self
        return self._made(symbol, function, self, other)

    def turned(self: Recorded, other: Any) -> Any:
        if isinstance(other, (int, float)) and (symbol, other) in (("+", 0), ("*", 1)):
            return self
        return self._made(symbol, function, other, self)

    return straight, turned


class Recorded:
    """A number, or an array of them, that is not known yet.

    Args:
        expression: What computes it.
        asked: Who answers a branch on it.
        shape: Of a metric's state; None where it is not known.
    """

    def __init__(self, expression: Expression, asked: Asked, shape: Shape | None = ()) -> None:
        self._expression = expression
        self._asked = asked
        self._shape = shape

    def _made(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Recorded:
        made = Expression(name, function, tuple(map(bare, args)), {key: bare(value) for key, value in kwargs.items()})
        return Recorded(made, self._asked, None)

    __add__, __radd__ = _binary("+", operator.add)
    __sub__, __rsub__ = _binary("-", operator.sub)
    __mul__, __rmul__ = _binary("*", operator.mul)
    __truediv__, __rtruediv__ = _binary("/", operator.truediv)
    __floordiv__, __rfloordiv__ = _binary("//", operator.floordiv)
    __mod__, __rmod__ = _binary("%", operator.mod)
    __pow__, __rpow__ = _binary("**", operator.pow)
    __lt__, _ = _binary("<", operator.lt)
    __le__, _ = _binary("<=", operator.le)
    __gt__, _ = _binary(">", operator.gt)
    __ge__, _ = _binary(">=", operator.ge)
    __eq__, _ = _binary("==", operator.eq)
    __ne__, _ = _binary("!=", operator.ne)
    __hash__ = object.__hash__

    def __neg__(self) -> Any:
        return self._made("neg", operator.neg, self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._made("abs", abs, self)

    def __round__(self, digits: int | None = None) -> Any:
        return self._made("round", round, self, *(() if digits is None else (digits,)))

    def __floor__(self) -> Any:
        return self._made("math.floor", math.floor, self)

    def __ceil__(self) -> Any:
        return self._made("math.ceil", math.ceil, self)

    def __trunc__(self) -> Any:
        return self._made("int", int, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __bool__(self) -> bool:
        return self._asked.answer(self._expression)

    # -- arrays ----------------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        return self._made("getitem", operator.getitem, self, index)

    def _known_shape(self) -> Shape:
        if self._shape is None:
            raise _unknown("its shape is asked for")
        return self._shape

    @property
    def shape(self) -> Shape:
        """Of a state, as it begins."""
        return self._known_shape()

    @property
    def size(self) -> int:
        """Likewise."""
        return math.prod(length or 0 for length in self._known_shape())

    def __len__(self) -> int:
        shape = self._known_shape()
        if not shape:
            raise _unknown("it is taken for a sequence")
        return shape[0] or 0

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def item(self) -> Any:
        """The number itself."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(name)

        def method(*args: Any, **kwargs: Any) -> Any:
            return self._made(
                f".{name}", lambda x, *more, **keys: getattr(x, name)(*more, **keys), self, *args, **kwargs
            )

        return method

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs.get("out") is not None:
            raise _unknown(f"np.{ufunc.__name__}.{method} is called")
        name = _UFUNCS.get(ufunc.__name__, f"np.{ufunc.__name__}")
        return self._made(name, ufunc, *inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        module = function.__module__.replace("numpy", "np", 1)
        return self._made(f"{module}.{function.__name__}", function, *args, **kwargs)

    # -- what must be a plain number ---------------------------------------------------------------------------------------

    def __float__(self) -> NoReturn:
        raise _unknown("float() of it is taken in code that is not Python")

    def __int__(self) -> NoReturn:
        raise _unknown("int() of it is taken in code that is not Python")

    def __index__(self) -> NoReturn:
        raise _unknown("it is an index, or the end of a range")


def _unknown(why: str) -> SourceError:
    return SourceError(
        "A number that is known when the code runs is needed while it is written.",
        received=why,
        fix="Write it with Python's operators, comparisons, math and NumPy functions.",
    )
