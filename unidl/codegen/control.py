"""Branches and loops in a framework that has both as functions of functions: TensorFlow, and keras.ops."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code, Value
from unidl.codegen.expressions import nested_function, picked_outputs
from unidl.codegen.language import Expression, Given
from unidl.graph.node import leaves
from unidl.graph.spec import TensorSpec


def branches(cond: str) -> Expression:
    """How `ops.cond` is written.

    Args:
        cond: The framework's function: "tf.cond".
    """

    def write(g: Given) -> Any:
        """Both ways as functions without arguments."""
        flat = not isinstance(g.outputs, TensorSpec)
        given = g.scope.symbolic(g.operands)
        yes = nested_function(g, "when_true", lambda: g.true_fn(*given), [], flat)
        no = nested_function(g, "when_false", lambda: g.false_fn(*given), [], flat)
        code = call(cond, g.predicate, Code(yes), Code(no))
        if not flat:
            return code
        name = g.scope.name("found")
        g.scope.say(f"{name} = {code}", names=[name])
        return picked_outputs(g, name)

    return write


def loop(while_loop: str, tensor: str) -> Expression:
    """How `ops.while_loop` is written.

    Args:
        while_loop: The framework's function: "tf.while_loop".
        tensor: Makes a tensor of a number: "tf.constant".
    """

    def write(g: Given) -> Any:
        """Condition and body as functions of the state's leaves."""
        many = isinstance(g.state, (list, tuple))
        nests = list(g.state) if many else [g.state]
        go_on = nested_function(g, "go_on", g.condition, nests)
        body = nested_function(g, "body", g.body, nests, True)
        states = [v if isinstance(v, Value) else call(tensor, v) for v in leaves(nests)]
        name = g.scope.name("state")
        code = call(while_loop, Code(go_on), Code(body), states, maximum_iterations=g.max_iterations)
        g.scope.say(f"{name} = {code}", names=[name])
        found = picked_outputs(g, name)
        return found if many else found[0]

    return write
