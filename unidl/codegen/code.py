"""A piece of Python code, with what is needed to put it into another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unidl.graph.spec import TensorSpec

# how strongly an expression holds together: what is weaker stands in brackets
ATOM, POWER, UNARY, PRODUCT, SUM, JUNCTION, COMPARISON, CHOICE = 8, 7, 6, 5, 4, 3, 2, 0

OPERATORS = {
    "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT, "//": PRODUCT, "@": PRODUCT, "**": POWER,
    "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON, ">=": COMPARISON,
    "&": JUNCTION, "|": JUNCTION,
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
