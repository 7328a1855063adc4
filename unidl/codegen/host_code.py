"""What `unidl.codegen.host` found, as code: of Python and NumPy, or of a framework's ops inside a graph."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import numpy as np

from unidl.codegen.calls import binary, call
from unidl.codegen.code import COMPARISON, OPERATORS, UNARY, Code, Line
from unidl.codegen.expressions import index_text
from unidl.codegen.host import Choice
from unidl.codegen.identifiers import distinct, identifier
from unidl.codegen.layout import written
from unidl.codegen.names import variable
from unidl.codegen.recorded import Expression
from unidl.errors import SourceError

# functions that keras.ops has under the name that NumPy and math have
SAME_NAME = frozenset(
    [
        "abs", "absolute", "all", "any", "arccos", "arcsin", "arctan", "arctan2", "average", "ceil", "clip", "cos", "cosh", "cumsum",
        "diag", "diagonal", "dot", "erf", "exp", "expm1", "floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2",
        "logaddexp", "logical_and", "logical_not", "logical_or", "max", "maximum", "mean", "min", "minimum", "outer", "power", "prod",
        "round", "sign", "sin", "sinh", "sqrt", "square", "stack", "std", "sum", "tan", "tanh", "trace", "trunc", "var", "where",
    ]
)  # fmt: skip
OTHER_NAME = {
    "fabs": "abs",
    "pow": "power",
    "int": "trunc",
    "atan2": "arctan2",
    "atan": "arctan",
    "acos": "arccos",
    "asin": "arcsin",
}


class PythonCode:
    """Expressions as Python and NumPy compute them.

    Args:
        names: The code's variables, by the names in the expressions.
    """

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.assigned: dict[int, Code] = {}

    def code(self, value: Any) -> Any:
        """An expression as Code; another value as it can stand in a call."""
        if isinstance(value, Expression):
            known = self.assigned.get(id(value))
            return self._written(value) if known is None else known
        if isinstance(value, (list, tuple)):
            return type(value)(map(self.code, value))
        if isinstance(value, float) and value in (math.pi, -math.pi):
            return Code("math.pi") if value > 0 else Code("-math.pi", UNARY)
        if isinstance(value, (type, np.dtype)):
            return np.dtype(getattr(value, "real", value)).name
        return value

    def _written(self, value: Expression) -> Code:
        if value.function is None:
            return variable(self.names[value.name])
        args = [self.code(arg) for arg in value.args]
        if value.name in OPERATORS:
            left, right = (self.operand(arg, code) for arg, code in zip(value.args, args, strict=True))
            return binary(left, value.name, right)
        if value.name == "neg":
            return Code(f"-{args[0].within(UNARY)}", UNARY, args[0].names)
        if value.name == "getitem":
            return Code(f"{args[0]:a}[{index_text(args[1])}]", names=args[0].names)
        return self.called(value.name, args, {key: self.code(arg) for key, arg in value.kwargs.items()})

    def operand(self, value: Any, code: Any) -> Any:
        """An operand of an operator."""
        return code

    def called(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Code:
        """A function's or method's call."""
        if name.startswith("."):
            return call(f"{args[0]:a}{name}", *args[1:], **kwargs)
        return call(name, *args, **kwargs)

    def lines(self, tree: Any, indent: int = 0) -> list[Line]:
        """The statements that return what a method gives."""
        if isinstance(tree, Choice):
            condition = self.code(tree.condition)
            yes = self.lines(tree.yes, indent + 1)
            return [Line(f"if {condition}:", indent=indent), *yes, *self.lines(tree.no, indent)]
        before = self.shared([tree], indent)
        lines = [*before, Line(f"return {_plain(self.code(_without_float(tree)))}", indent=indent)]
        self.assigned.clear()
        return lines

    def shared(self, values: list[Any], indent: int) -> list[Line]:
        """A variable for each expression that is used several times."""
        uses: Counter[int] = Counter()
        found: dict[int, Expression] = {}
        for part in _parts(values):
            uses[id(part)] += 1
            found[id(part)] = part
        names = iter(distinct([f"part{i or ''}" for i in range(len(found))], identifier).values())
        taken = set(self.names.values())
        lines = []
        for key, part in reversed(found.items()):  # what an expression is made of comes before it
            if uses[key] > 1 and part.function is not None:
                name = next(name for name in names if name not in taken)
                lines.append(Line(f"{name} = {_plain(self.code(part))}", indent=indent))
                self.assigned[key] = variable(name)
        return lines


class OpsCode(PythonCode):
    """Expressions as keras.ops computes them, in a graph too: every branch is computed, and one is chosen."""

    def operand(self, value: Any, code: Any) -> Any:
        """A comparison that is counted with is a number."""
        return call("ops.cast", code, "float32") if _compares(value) else code

    def called(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Code:
        """A call of keras.ops."""
        plain = name.rpartition(".")[2]
        if plain in ("float", "astype"):
            return Code(f"{args[0]}", args[0].strength, args[0].names)
        if name in ("min", "max"):
            return reduce(lambda a, b: call(f"ops.{plain}imum", a, b), args)  # type: ignore[no-any-return]
        if name == "math.log" and len(args) == 2:
            return binary(call("ops.log", args[0]), "/", math.log(args[1]))
        plain = OTHER_NAME.get(plain, plain)
        if plain not in SAME_NAME:
            raise SourceError(
                f"{name} cannot be written with keras.ops.", fix="Write it with other functions of math or NumPy."
            )
        return call(f"ops.{plain}", *args, **kwargs)

    def lines(self, tree: Any, indent: int = 0) -> list[Line]:
        """The statements that return what a method gives."""
        before = self.shared(list(_leaves(tree)), indent)
        return [*before, Line(f"return {_plain(self._chosen(tree))}", indent=indent)]

    def _chosen(self, tree: Any) -> Any:
        if not isinstance(tree, Choice):
            return self.code(tree)
        condition = self.code(tree.condition)
        if not _compares(tree.condition):
            condition = call("ops.cast", condition, "bool")
        return call("ops.where", condition, self._chosen(tree.yes), self._chosen(tree.no))


def _compares(value: Any) -> bool:
    return isinstance(value, Expression) and OPERATORS.get(value.name) == COMPARISON


def _plain(value: Any) -> str:
    return str(call("", value))[1:-1] if not isinstance(value, Code) else value.text


def _without_float(tree: Any) -> Any:
    """What gives a number, whatever its type: the class that calls it makes a float."""
    while isinstance(tree, Expression) and tree.name == "float":
        (tree,) = tree.args
    return tree


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, Choice):
        yield tree.condition
        yield from _leaves(tree.yes)
        yield from _leaves(tree.no)
    else:
        yield tree


def _parts(values: Any) -> Iterator[Expression]:
    """The expressions in values and in one another, as often as they are used; inside those that were met already, once."""
    seen: set[int] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, (list, tuple)):
            waiting[:0] = value
        elif isinstance(value, Expression):
            yield value
            if id(value) not in seen:
                seen.add(id(value))
                waiting += [*value.args, *value.kwargs.values()]


def function_text(
    code: Callable[[dict[str, str]], PythonCode], name: str, names: dict[str, str], tree: Any, first: list[str]
) -> list[str]:
    """A function that returns what a method gives.

    Args:
        code: PythonCode or OpsCode.
        name: What it is called.
        names: Its parameters, by the names in the expressions.
        tree: What it returns.
        first: Lines before: its docstring, casts.
    """
    lines = written(code(names).lines(tree), 1)
    return [f"def {name}({', '.join(names.values())}):", *(f"    {line}" for line in first), *lines]


def variables_in(tree: Any) -> list[str]:
    """The variables that an expression or its branches read."""
    return list(dict.fromkeys(part.name for part in _parts(list(_leaves(tree))) if part.function is None))
