"""A piece of Python code, with what is needed to put it into another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unidl.graph.spec import TensorSpec

# how strongly an expression holds together: what is weaker stands in brackets
ATOM, POWER, UNARY, PRODUCT, SUM, COMPARISON, CHOICE = 7, 6, 5, 4, 3, 2, 0

OPERATORS = {
    "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT, "//": PRODUCT, "@": PRODUCT, "**": POWER,
    "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
}  # fmt: skip


@dataclass(frozen=True)
class Code:
    """An expression.

    Args:
        text: As it is written.
        strength: How strongly it holds together.
        names: The local variables that it reads.
    """

    text: str
    strength: int = ATOM
    names: frozenset[str] = frozenset()

    def within(self, strength: int) -> str:
        """The text, in brackets if it is weaker."""
        return self.text if self.strength >= strength else f"({self.text})"

    def __format__(self, how: str) -> str:
        return self.within(ATOM) if how == "a" else self.text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Value:
    """A tensor's place in the code.

    Args:
        code: The expression that gives it.
        spec: Its shape and dtype in the description, channels last.
        first: Whether the code has its channels first.
    """

    code: Code
    spec: TensorSpec
    first: bool = False

    def __format__(self, how: str) -> str:
        return format(self.code, how)

    def __str__(self) -> str:
        return self.code.text

    @property
    def shape(self) -> tuple[int | None, ...]:
        """As in the description."""
        return self.spec.shape

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self.spec.dtype


def names_in(nest: Any) -> frozenset[str]:
    """The local variables that the codes in a nest read."""
    if isinstance(nest, Value):
        return nest.code.names
    if isinstance(nest, Code):
        return nest.names
    if isinstance(nest, dict):
        return frozenset().union(*map(names_in, nest.values()))
    if isinstance(nest, (list, tuple)):
        return frozenset().union(*map(names_in, nest))
    return frozenset()


def literal(value: Any) -> str:
    """A plain value, or a nest with codes in it, as Python writes it (with double quotes)."""
    if isinstance(value, (Code, Value)):
        return str(value.code if isinstance(value, Value) else value)
    if isinstance(value, str):
        return '"' + repr(value)[1:-1].replace('"', '\\"').replace("\\'", "'") + '"'
    if isinstance(value, (bool, type(None))):
        return repr(value)
    if isinstance(value, (int, np.integer)):
        return repr(int(value))
    if isinstance(value, (float, np.floating)):
        return _float(float(value))
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, slice):
        start, stop, step = ("" if part is None else literal(part) for part in (value.start, value.stop, value.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if value is Ellipsis:
        return "..."
    raise TypeError(f"{type(value).__name__} has no literal")


def _float(value: float) -> str:
    """1e-5 and 1e30, as one writes them."""
    if not np.isfinite(value):
        return f'float("{value}")'
    mantissa, mark, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else mantissa


def call(function: str, *args: Any, **kwargs: Any) -> Code:
    """A call, `function(a, b, key=c)`; a keyword that is None is left out."""
    given = {key: value for key, value in kwargs.items() if value is not None}
    parts = [*map(literal, args), *(f"{key}={literal(value)}" for key, value in given.items())]
    return Code(f"{function}({', '.join(parts)})", ATOM, names_in([args, given]))


def binary(a: Any, symbol: str, b: Any) -> Code:
    """`a + b`, with the brackets that it needs."""
    strength = OPERATORS[symbol]
    left, right = (x.code if isinstance(x, Value) else x if isinstance(x, Code) else number(x) for x in (a, b))
    right_strength = strength + 1 if strength != POWER else strength
    left_strength = strength if strength not in (POWER, COMPARISON) else strength + 1
    text = f"{left.within(left_strength)} {symbol} {right.within(right_strength)}"
    if symbol == "**" and _is_simple(left) and _is_simple(right):
        text = text.replace(" ** ", "**")  # as formatters have it
    return Code(text, strength, left.names | right.names)


def _is_simple(code: Code) -> bool:
    return code.text.removeprefix("-").replace(".", "").replace("_", "").isalnum()


def number(value: Any) -> Code:
    """A plain value as code."""
    text = literal(value)
    return Code(text, UNARY if text.startswith("-") else ATOM)


@dataclass
class Line:
    """A statement.

    Args:
        text: Without its indentation.
        comment: Behind it.
        indent: Further than its block, in steps of four.
        names: What it binds.
    """

    text: str
    comment: str = ""
    indent: int = 0
    names: tuple[str, ...] = field(default=())
