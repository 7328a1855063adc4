"""Branches and loops that are ops, as code of TensorFlow."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code, Value
from unidl.codegen.control import branches, loop
from unidl.codegen.language import Expression, Given
from unidl.codegen.literals import dtype, literal
from unidl.codegen.names import unpacked
from unidl.graph.node import leaves


def _scan(g: Given) -> Any:
    """tf.scan, whose state has the outputs too."""
    scope = g.scope
    carry_specs, y_specs = g.outputs
    step = scope.name("step")
    inner = scope.inner()
    carries, items = (
        [inner.name(hint) for _ in leaves(nest)] for hint, nest in (("carry", carry_specs), ("item", g.xs))
    )
    axis = g.axis
    specs = [
        type(x.spec)(tuple(d for i, d in enumerate(x.shape) if i != axis % len(x.shape)), x.dtype) for x in leaves(g.xs)
    ]
    carry_values = [Value(Code(n, names=frozenset([n])), s) for n, s in zip(carries, leaves(carry_specs), strict=True)]
    item_values = [Value(Code(n, names=frozenset([n])), s) for n, s in zip(items, specs, strict=True)]
    new, y = inner.nested(g.step, g.initial, carry_values, g.xs, item_values)
    outputs = list(leaves(y))
    with scope.function(step, "state, items"):
        scope.say(f"{', '.join([*carries, *('_' for _ in leaves(y_specs))])} = state")
        scope.say(f"{unpacked(items)} = items")
        for line in inner.lines:
            scope.lines.append(type(line)(line.text, line.comment, scope.depth + line.indent, line.names))
        scope.say(f"return ({', '.join(literal(v) for v in [*leaves(new), *outputs])})")
    starts = [literal(v) if isinstance(v, Value) else f"tf.constant({literal(v)})" for v in leaves(g.initial)]
    reference = next(iter(leaves(g.xs)))
    for spec in leaves(y_specs):
        lengths = [
            Code(f"tf.shape({reference})[0]") if n is None else n
            for i, n in enumerate(spec.shape)
            if i != axis % len(spec.shape)
        ]
        starts.append(
            call("tf.zeros", lengths, dtype=None if spec.dtype == "float32" else dtype("tf", spec.dtype)).text
        )
    moved = [_moved(literal(x), len(x.shape), axis, 0) for x in leaves(g.xs)]
    states = scope.name("states")
    extra = ", reverse=True" if g.reverse else ""
    elements = f"({', '.join(moved)}{',' * (len(moved) == 1)})"
    scope.say(f"{states} = tf.scan({step}, {elements}, ({', '.join(starts)}){extra})", names=[states])
    result = []
    end = 0 if g.reverse else -1
    for i, spec in enumerate(leaves(carry_specs)):
        result.append(Value(Code(f"{states}[{i}][{end}]", names=frozenset([states])), spec))
    for i, spec in enumerate(leaves(y_specs)):
        text = _moved(f"{states}[{len(carries) + i}]", len(spec.shape), 0, axis)
        result.append(Value(Code(text, names=frozenset([states])), spec))
    return result


def _moved(text: str, rank: int, source: int, destination: int) -> str:
    order = [i for i in range(rank) if i != source % rank]
    order.insert(destination % rank, source % rank)
    return text if order == list(range(rank)) else f"tf.transpose({text}, {order})"


CONTROL: dict[str, Expression] = {
    "scan": _scan,
    "cond": branches("tf.cond"),
    "while_loop": loop("tf.while_loop", "tf.constant"),
}
