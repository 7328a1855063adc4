"""Parts of expressions that every framework writes alike."""

from __future__ import annotations

import math
from typing import Any

from unidl.codegen.code import Code, Value, binary, literal
from unidl.codegen.language import Expression, Given


def operator(symbol: str) -> Expression:
    """`x + y`."""

    def written(g: Given) -> Code:
        return binary(g.x, symbol, g.y)

    return written


def axes_of(g: Given) -> Any:
    """The axis or axes of a reduction, one as a number; None for all of them."""
    axis = g.axis
    if axis is None or isinstance(axis, int):
        return axis
    return axis[0] if len(axis) == 1 else tuple(axis)


def reshaped(g: Given) -> list[Any]:
    """The lengths after a reshape: with -1 for the one that is not known, where there is one only."""
    known = g.out.shape
    if sum(n is None for n in known) == 0:
        return list(known)
    if sum(n is None for n in known) == 1 and 0 not in known:
        return [-1 if n is None else n for n in known]
    return list(g.shape)


def index_text(index: Any) -> str:
    """What stands between the brackets of a slice."""
    parts = index if isinstance(index, tuple) else (index,)
    while len(parts) > 1 and (parts[-1] is Ellipsis or parts[-1] == slice(None)):
        parts = parts[:-1]
    return ", ".join(literal(part) for part in parts)


def inline_size(g: Given, text: str) -> Any:
    """The number of elements: known, or computed."""
    if isinstance(g.outputs, int):
        return Code(str(math.prod(n for n in g.x.shape if n is not None)))
    return Code(text)


def outputs_of(values: list[Value]) -> list[Value]:
    """The outputs of an op that gives several, in order."""
    return values
