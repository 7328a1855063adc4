"""What plain Python computes from numbers - a schedule from the step, a metric from its state - as expressions and branches.

The user's own method is run on recorded numbers, once for each way through its branches. Python's float, int, min, max and the math
module take nothing but numbers, so the method runs with stand-ins for them; the user's object and module stay as they are.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType
from typing import Any

from unidl.capture import Captured
from unidl.codegen.recorded import Expression, Recorded, Shape, bare, recorded_in, recording
from unidl.errors import SourceError

MOST_RUNS = 200  # ways through the branches of one method
MOST_QUESTIONS = 64  # branches in one way


@dataclass(frozen=True)
class Choice:
    """A branch.

    Args:
        condition: What is asked.
        yes: What follows where it holds: a Choice, or an expression or number.
        no: Likewise where it does not.
    """

    condition: Expression
    yes: Any
    no: Any

    def value(self, known: dict[str, Any]) -> Any:
        """The number, for these values of the variables."""
        return value_of(self.yes if self.condition.value(known) else self.no, known)


def value_of(tree: Any, known: dict[str, Any]) -> Any:
    """The number that a method gives, for these values of its variables."""
    return tree.value(known) if isinstance(tree, (Choice, Expression)) else tree


class _EndedError(Exception):
    """Every way on from here ends in an error of the method's own."""


# what a method may raise of itself, on numbers that it does not take
_OWN_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
Given = Callable[[Callable[[str, Shape], Recorded]], tuple[Any, ...]]


@dataclass
class _Run:
    """One way through the method's branches."""

    prefix: tuple[bool, ...]
    bounds: _Bounds
    asked: list[Expression] = field(default_factory=list)
    known: dict[Any, bool] = field(default_factory=dict)

    def answer(self, condition: Expression) -> bool:
        key = _key(condition)
        if key not in self.known:
            implied = self.bounds.implied(condition)
            if implied is not None:
                return implied
            position = len(self.asked)
            if position >= MOST_QUESTIONS:
                raise _endless()
            self.known[key] = self.prefix[position] if position < len(self.prefix) else True
            self.asked.append(condition)
            self.bounds.note(condition, self.known[key])
        return self.known[key]


class _Bounds:
    """What the answers so far say of an integer of at least 0: branches that none reaches are not written.

    Args:
        counter: The variable that is one; None if none is.
    """

    def __init__(self, counter: str | None) -> None:
        self.counter = counter
        self.least, self.most = 0.0, math.inf

    def implied(self, condition: Expression) -> bool | None:
        """The answer, where every number that comes here has the same."""
        below = self._below(condition)
        if below is None:
            return None
        limit, when = below
        return when if self.most < limit else (not when if self.least >= limit else None)

    def note(self, condition: Expression, answer: bool) -> None:
        """An answer."""
        below = self._below(condition)
        if below is not None:
            limit, when = below
            if answer == when:
                self.most = min(self.most, math.ceil(limit) - 1)
            else:
                self.least = max(self.least, math.ceil(limit))

    def _below(self, condition: Expression) -> tuple[float, bool] | None:
        """A limit, and the answer for the numbers below it and none else; None for another kind of condition."""
        if condition.name not in ("<", "<=", ">", ">=") or not isinstance(condition.args[1], (int, float)):
            return None
        left, limit = condition.args
        while isinstance(left, Expression) and left.name in ("+", "-", "float", "int") and left.function is not None:
            if left.name in ("+", "-"):
                if not isinstance(left.args[1], (int, float)):
                    return None
                limit = limit - left.args[1] if left.name == "+" else limit + left.args[1]
            left = left.args[0]
        if not isinstance(left, Expression) or left.name != self.counter:
            return None
        return (math.floor(limit) + 1 if condition.name in ("<=", ">") else limit), condition.name in ("<", "<=")


def _key(value: Any) -> Any:
    """What tells two expressions apart."""
    if isinstance(value, Expression):
        return value.name, tuple(map(_key, value.args)), tuple((k, _key(v)) for k, v in value.kwargs.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_key, value))
    return type(value).__name__, repr(value)


def _endless() -> SourceError:
    return SourceError(
        "Python code branches on a number too often to be written.",
        expected=f"at most {MOST_QUESTIONS} branches one after another and {MOST_RUNS} ways through them",
        fix="Write loops over the number as a formula, with // and %.",
    )


def traced(owner: Any, method: str, given: Given, counter: str | None = None) -> Any:
    """What a method of an object gives, as Choices, Expressions and plain numbers.

    Args:
        owner: The schedule or metric.
        method: Its method's name.
        given: The method's arguments, made with a function that makes a variable of a name and a shape.
        counter: The variable that is an integer of at least 0, if one is.

    Raises:
        SourceError: The method needs the numbers themselves, or gives none.
    """
    try:
        return _Tracer(owner, method, given, counter).tree(())
    except SourceError as error:
        raise _untraceable(owner, method, error.received or error.attempted, error.fix) from error
    except _EndedError as error:
        raise _untraceable(owner, method, f"{type(error.__cause__).__name__}: {error.__cause__}") from error
    except _OWN_ERRORS as error:
        raise _untraceable(owner, method, f"{type(error).__name__}: {error}") from error


class _Tracer:
    """Runs a method once for each way through its branches."""

    def __init__(self, owner: Any, method: str, given: Given, counter: str | None) -> None:
        self.owner, self.method, self.given, self.counter = owner, method, given, counter
        self.runs = 0

    def once(self, prefix: tuple[bool, ...]) -> tuple[_Run, Any]:
        """One run, and what it gave, or the error that the method raised behind a branch."""
        self.runs += 1
        if self.runs > MOST_RUNS:
            raise _endless()
        run = _Run(prefix, _Bounds(self.counter))
        arguments = self.given(lambda name, shape: Recorded(Expression(name), run, shape))
        try:
            result = getattr(_Object(self.owner, _Functions()), self.method)(*arguments)
        except _OWN_ERRORS as error:
            if isinstance(error, SourceError) or not run.asked:
                raise
            return run, error
        return run, bare(result)

    def tree(self, prefix: tuple[bool, ...]) -> Any:
        """What follows after these answers."""
        run, result = self.once(prefix)
        if len(run.asked) <= len(prefix):
            if isinstance(result, Exception):
                raise _EndedError from result
            return result
        sides, ended = [], None
        for side in (True, False):
            try:
                sides.append(self.tree((*prefix, side)))
            except _EndedError as error:
                ended = error
        if ended is not None and not sides:
            raise ended
        return sides[0] if len(sides) == 1 or _same(*sides) else Choice(run.asked[len(prefix)], *sides)


def _untraceable(owner: Any, method: str, why: str, fix: str | None = None) -> SourceError:
    called = "" if method == "__call__" else f".{method}"
    return SourceError(
        f"{type(owner).__name__}{called} cannot be written as source code.",
        expected="Python's operators, comparisons, math and NumPy functions, which can be followed from number to number",
        received=why,
        fix=fix,
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Choice) and isinstance(other, Choice):
        return _key(one.condition) == _key(other.condition) and _same(one.yes, other.yes) and _same(one.no, other.no)
    return not isinstance(one, Choice) and not isinstance(other, Choice) and _key(one) == _key(other)


# -- a method, with stand-ins for what takes nothing but numbers -------------------------------------------------------------


class _Kind(type):
    """float and int, which record where they are called on a recorded number."""

    real: type

    def __call__(cls, *args: Any) -> Any:
        return recording(cls.__name__, cls.real)(*args)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, (Recorded, cls.real))

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.real, name)


def _extreme(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        several = list(args[0]) if len(args) == 1 else list(args)
        found = None if kwargs else recorded_in(*several)
        return real(*args, **kwargs) if found is None else found._made(name, real, *several)

    return run


class _Math:
    """The math module."""

    def __getattr__(self, name: str) -> Any:
        real = getattr(math, name)
        return recording(f"math.{name}", real) if callable(real) else real


_BUILTINS: dict[str, Any] = {
    "float": _Kind("float", (), {"real": float}),
    "int": _Kind("int", (), {"real": int}),
    "min": _extreme("min", min),
    "max": _extreme("max", max),
}


class _Functions:
    """Functions as they run on recorded numbers, each made once."""

    def __init__(self) -> None:
        self._made: dict[FunctionType, FunctionType] = {}

    def of(self, function: FunctionType) -> FunctionType:
        """The function with stand-ins among its globals and closure, in the functions of Python that it calls too."""
        if function in self._made:
            return self._made[function]
        named = dict(function.__globals__)
        cells = [CellType() for _ in function.__closure__ or ()]
        made = FunctionType(function.__code__, named, function.__name__, function.__defaults__, tuple(cells) or None)
        made.__kwdefaults__ = function.__kwdefaults__
        self._made[function] = made
        for cell, real in zip(cells, function.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self.shown(real.cell_contents)
            except ValueError:  # it is not set yet
                continue
        named |= {"super": self._super, **{n: f for n, f in _BUILTINS.items() if n not in named}}
        for name in _names(function.__code__) & function.__globals__.keys():
            named[name] = self.shown(function.__globals__[name])
        return made

    def shown(self, value: Any) -> Any:
        """A value as the user's code sees it."""
        if value is math:
            return _Math()
        if isinstance(value, BuiltinFunctionType) and value.__module__ == "math":
            return recording(f"math.{value.__name__}", value)
        if isinstance(value, FunctionType):
            return self.of(value)
        if isinstance(type(value), Captured):
            return _Object(value, self)
        if type(value) in (list, tuple):
            return type(value)(map(self.shown, value))
        if type(value) is dict:
            return {key: self.shown(item) for key, item in value.items()}
        return value

    @staticmethod
    def _super(*given: Any) -> Any:
        if not given:  # as Python does, from the calling method's frame
            frame = sys._getframe(1)
            given = frame.f_locals["__class__"], frame.f_locals[frame.f_code.co_varnames[0]]
        cls, owner = given
        if type(owner) is not _Object:
            return super(cls, owner)
        mro = type.mro(owner.__class__)
        return _Object(owner.unidl_real, owner.unidl_functions, mro[mro.index(cls) + 1 :])


def _names(code: CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found


class _Object:
    """The user's object, whose methods run on recorded numbers; it cannot be changed.

    Args:
        real: It.
        functions: Its methods, as they run.
        mro: Where they are looked for.
    """

    def __init__(self, real: Any, functions: _Functions, mro: list[type] | None = None) -> None:
        object.__setattr__(self, "unidl_real", real)
        object.__setattr__(self, "unidl_functions", functions)
        object.__setattr__(self, "unidl_mro", mro if mro is not None else type.mro(type(real)))

    @property
    def __class__(self) -> Any:
        return type(self.unidl_real)

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise AttributeError("__class__")

    def __getattr__(self, name: str) -> Any:
        if name in self.unidl_real.__dict__:
            return self.unidl_functions.shown(self.unidl_real.__dict__[name])
        return self._method(name)

    def _method(self, name: str) -> Any:
        found = next((vars(cls)[name] for cls in self.unidl_mro if name in vars(cls)), None)
        if isinstance(found, FunctionType):
            whole = _Object(self.unidl_real, self.unidl_functions)
            return MethodType(self.unidl_functions.of(found), whole)
        if isinstance(found, property) and isinstance(found.fget, FunctionType):
            return self.unidl_functions.of(found.fget)(_Object(self.unidl_real, self.unidl_functions))
        if isinstance(found, staticmethod):
            return self.unidl_functions.shown(found.__func__)
        return self.unidl_functions.shown(getattr(self.unidl_real, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("__call__")(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        raise SourceError(
            f"{type(self.unidl_real).__name__} changes itself.",
            received=f"self.{name} = …",
            fix="Compute the number from the arguments alone.",
        )


def state_of(shapes: Mapping[str, Shape]) -> Given:
    """The argument of a metric's `result`: a dict of arrays, by the names of the code's variables."""
    return lambda variable: ({name: variable(name, shape) for name, shape in shapes.items()},)
