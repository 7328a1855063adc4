"""Calls and operators, with the brackets that they need."""

from __future__ import annotations

from typing import Any

from unidl.codegen.code import ATOM, COMPARISON, JUNCTION, OPERATORS, POWER, UNARY, Code, Value, names_in
from unidl.codegen.literals import literal


def call(function: str, *args: Any, **kwargs: Any) -> Code:
    """A call, `function(a, b, key=c)`; a keyword that is None is left out."""
    given = {key: value for key, value in kwargs.items() if value is not None}
    parts = [*map(literal, args), *(f"{key}={literal(value)}" for key, value in given.items())]
    return Code(f"{function}({', '.join(parts)})", ATOM, names_in([args, given]))


def binary(a: Any, symbol: str, b: Any) -> Code:
    """`a + b`, with the brackets that it needs."""
    strength = OPERATORS[symbol]
    left, right = (x.code if isinstance(x, Value) else x if isinstance(x, Code) else number(x) for x in (a, b))
    right_strength = strength + 1 if strength != POWER else UNARY  # x**-2
    left_strength = strength if strength not in (POWER, COMPARISON, JUNCTION) else strength + 1
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
