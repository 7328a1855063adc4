"""Branches and loops that are ops, as code of keras.ops."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code, Value
from unidl.codegen.control import branches, loop
from unidl.codegen.language import Expression, Given
from unidl.codegen.literals import literal
from unidl.codegen.names import unpacked
from unidl.graph.node import leaves


def _scan(g: Given) -> Any:
    """keras.ops.scan, whose outputs are part of the carry: on TensorFlow it wants them alike."""
    scope = g.scope
    carry_specs, y_specs = g.outputs
    step = scope.name("step")
    inner = scope.inner()
    carries, items = (
        [inner.name(hint) for _ in leaves(nest)] for hint, nest in (("carry", carry_specs), ("item", g.xs))
    )
    axis = g.axis
    slices = [
        type(x.spec)(tuple(d for i, d in enumerate(x.shape) if i != axis % len(x.shape)), x.dtype) for x in leaves(g.xs)
    ]
    carry_values = [Value(Code(n, names=frozenset([n])), s) for n, s in zip(carries, leaves(carry_specs), strict=True)]
    item_values = [Value(Code(n, names=frozenset([n])), s) for n, s in zip(items, slices, strict=True)]
    new, y = inner.nested(g.step, g.initial, carry_values, g.xs, item_values)
    packed = [*leaves(new), *leaves(y)]
    with scope.function(step, "state, items"):
        scope.say(f"{', '.join([*carries, *('_' for _ in leaves(y_specs))])} = state")
        scope.say(f"{unpacked(items)} = items")
        for line in inner.lines:
            scope.lines.append(type(line)(line.text, line.comment, scope.depth + line.indent, line.names))
        scope.say(f"state = [{', '.join(map(literal, packed))}]")
        scope.say("return state, state")
    starts = [literal(v) if isinstance(v, Value) else f"ops.convert_to_tensor({literal(v)})" for v in leaves(g.initial)]
    first = leaves(g.xs)
    reference = next(iter(first))
    for spec in leaves(y_specs):
        shape = tuple(
            Code(f"ops.shape({reference})[0]") if n is None else n
            for i, n in enumerate(spec.shape)
            if i != axis % len(spec.shape)
        )
        starts.append(call("ops.zeros", shape, dtype=None if spec.dtype == "float32" else spec.dtype).text)
    moved = [literal(x) if axis == 0 else call("ops.moveaxis", x, axis, 0).text for x in leaves(g.xs)]
    last, alls = scope.name("last"), scope.name("sequences")
    extra = ", reverse=True" if g.reverse else ""
    scope.say(f"{last}, {alls} = ops.scan({step}, [{', '.join(starts)}], [{', '.join(moved)}]{extra})")
    result = []
    for i, spec in enumerate(leaves(carry_specs)):
        result.append(Value(Code(f"{last}[{i}]", names=frozenset([last])), spec))
    for i, spec in enumerate(leaves(y_specs)):
        picked = Code(f"{alls}[{len(carries) + i}]", names=frozenset([alls]))
        result.append(Value(picked if axis == 0 else call("ops.moveaxis", picked, 0, axis), spec))
    return result


CONTROL: dict[str, Expression] = {
    "scan": _scan,
    "cond": branches("ops.cond"),
    "while_loop": loop("ops.while_loop", "ops.convert_to_tensor"),
}
