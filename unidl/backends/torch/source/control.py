"""Branches and loops that are ops, as code of torch."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import UNARY, Code, Value
from unidl.codegen.expressions import spec_of_value
from unidl.codegen.language import Expression, Given
from unidl.codegen.literals import literal
from unidl.codegen.names import variable
from unidl.graph.node import leaves
from unidl.graph.spec import TensorSpec


def _scan(g: Given) -> Any:
    """A loop in Python."""
    scope = g.scope
    carry_specs, y_specs = g.outputs
    carries = [scope.name("carry") for _ in leaves(carry_specs)]
    for name, start in zip(carries, leaves(g.initial), strict=True):
        text = literal(start) if isinstance(start, Value) else f"torch.tensor({literal(start)})"
        scope.say(f"{name} = {text}", names=[name])
    ys = [scope.name("outputs") for _ in leaves(y_specs)]
    for name in ys:
        scope.say(f"{name} = []", names=[name])
    items = [scope.name("item") for _ in leaves(g.xs)]
    unbound = [f"{x:a}.unbind({literal(g.axis)})" for x in leaves(g.xs)]
    over = unbound[0] if len(items) == 1 else f"zip({', '.join(unbound)})"
    if g.reverse:
        over = f"reversed({over})" if len(items) == 1 else f"reversed(list({over}))"
    scope.say(f"for {', '.join(items)} in {over}:")
    scope.depth += 1
    axis = g.axis
    inner = [Value(Code(n, names=frozenset([n])), s) for n, s in zip(carries, leaves(carry_specs), strict=True)]
    slices = [
        Value(
            Code(n, names=frozenset([n])),
            type(x.spec)(tuple(d for i, d in enumerate(x.shape) if i != axis % len(x.shape)), x.dtype),
        )
        for n, x in zip(items, leaves(g.xs), strict=True)
    ]
    new, y = scope.nested(g.step, g.initial, inner, g.xs, slices)
    for name, value in zip(ys, leaves(y), strict=True):
        scope.say(f"{name}.append({literal(value)})")
    scope.say(f"{', '.join(carries)} = {', '.join(literal(v) for v in leaves(new))}")
    scope.depth -= 1
    if g.reverse:
        for name in ys:
            scope.say(f"{name}.reverse()")
    stacked = [call("torch.stack", variable(name), dim=g.axis) for name in ys]
    return [
        *(Value(Code(n, names=frozenset([n])), s) for n, s in zip(carries, leaves(carry_specs), strict=True)),
        *(Value(c, s) for c, s in zip(stacked, leaves(y_specs), strict=True)),
    ]


def _cond(g: Given) -> Any:
    """An if in Python."""
    scope = g.scope
    specs = list(leaves(g.outputs))
    names = [scope.name("y") for _ in specs]
    for head, function in ((f"if {literal(g.predicate)}:", g.true_fn), ("else:", g.false_fn)):
        scope.say(head)
        scope.depth += 1
        given = [part for operand in g.operands for part in (operand, _values(operand))]
        result = scope.nested(function, *given)
        for name, value in zip(names, leaves(result), strict=True):
            scope.say(f"{name} = {literal(value)}", names=[name])
        scope.depth -= 1
    found = [Value(variable(name), spec) for name, spec in zip(names, specs, strict=True)]
    return found[0] if isinstance(g.outputs, TensorSpec) else found


def _values(nest: Any) -> list[Value]:
    return [v if isinstance(v, Value) else Value(Code(literal(v)), spec_of_value(v)) for v in leaves(nest)]


def _while_loop(g: Given) -> Any:
    """A while in Python."""
    scope = g.scope
    specs = list(leaves(g.outputs))
    names = [scope.name("state") for _ in specs]
    for name, start in zip(names, _values(g.state), strict=True):
        text = literal(start) if start.code.names else f"torch.tensor({start})"
        scope.say(f"{name} = {text}", names=[name])
    many = isinstance(g.state, (list, tuple))
    values = iter([Value(variable(name), spec) for name, spec in zip(names, specs, strict=True)])
    states = list(g.state) if many else [g.state]
    given = [part for state in states for part in (state, [next(values) for _ in leaves(state)])]
    scope.say("while True:" if g.max_iterations is None else f"for _ in range({literal(g.max_iterations)}):")
    place = len(scope.lines)
    scope.depth += 1
    holds = scope.nested(g.condition, *given)
    if len(scope.lines) == place and g.max_iterations is None:
        scope.lines[-1].text = f"while {holds}:"
    else:
        scope.say(f"if not {holds.code.within(UNARY)}:")
        scope.say("    break")
    result = scope.nested(g.body, *given)
    scope.say(f"{', '.join(names)} = {', '.join(literal(v) for v in leaves(result))}")
    scope.depth -= 1
    found = [Value(variable(name), spec) for name, spec in zip(names, specs, strict=True)]
    return found if many else found[0]


CONTROL: dict[str, Expression] = {
    "scan": _scan,
    "cond": _cond,
    "while_loop": _while_loop,
}
