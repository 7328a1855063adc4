"""Parts of expressions that every framework writes alike."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from unidl.codegen.calls import binary
from unidl.codegen.code import Code, Value
from unidl.codegen.language import Expression, Given
from unidl.codegen.literals import literal
from unidl.codegen.names import variable
from unidl.graph.node import leaves
from unidl.graph.spec import TensorSpec
from unidl.graph.stand_in import spec_of


def operator(symbol: str) -> Expression:
    """`x + y`."""

    def written(g: Given) -> Code:
        return binary(g.x, symbol, g.y)

    return written


def ordered(symbol: str) -> Expression:
    """`x < y`, where bools have no order of their own: false is below true."""

    def written(g: Given) -> Code:
        dtypes = {v.dtype for v in (g.x, g.y) if isinstance(v, Value)}
        if dtypes != {"bool"}:
            return binary(g.x, symbol, g.y)
        x, y = (g.scope.casted(v, "int8") if isinstance(v, Value) else int(v) for v in (g.x, g.y))
        return binary(x, symbol, y)

    return written


def whole_indices(g: Given) -> Any:
    """Indices in a dtype that every framework takes."""
    plain = g.indices.dtype in ("int32", "int64")
    return g.indices if plain else g.scope.casted(g.indices, "int64")


def class_axis(g: Given) -> int | None:
    """Where the classes stand; None for the end."""
    rank = len(g.indices.shape)
    axis: int = g.axis % (rank + 1)
    return None if axis == rank else axis


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


def nested_function(g: Given, hint: str, function: Any, nests: list[Any], flat: bool = False) -> str:
    """A function inside this one, written from one of ops; its name.

    Args:
        g: The op's arguments.
        hint: For its name.
        function: Takes the nests.
        nests: What it takes; each leaf becomes a parameter.
        flat: Whether it returns a list of the leaves.
    """
    scope = g.scope
    name, inner = scope.name(hint), scope.inner()
    leaf_specs = [[spec_of_value(leaf) for leaf in leaves(nest)] for nest in nests]
    values = [[Value(variable(inner.name("item")), spec) for spec in specs] for specs in leaf_specs]
    arguments = [part for pair in zip(nests, values, strict=True) for part in pair]
    result = inner.nested(function, *arguments)
    with scope.function(name, ", ".join(v.code.text for vs in values for v in vs)):
        for line in inner.lines:
            scope.lines.append(replace(line, indent=scope.depth + line.indent))
        scope.say(f"return {literal(list(leaves(result)) if flat else result)}")
    return name


def spec_of_value(leaf: Any) -> TensorSpec:
    """The spec of a Value or a number."""
    return leaf.spec if isinstance(leaf, Value) else spec_of(leaf)


def picked_outputs(g: Given, name: str) -> Any:
    """The outputs of an op that gives a nest, out of a variable that has them in a list."""
    specs = list(leaves(g.outputs))
    return [Value(Code(f"{name}[{i}]", names=frozenset([name])), spec) for i, spec in enumerate(specs)]
