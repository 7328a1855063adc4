"""The errors for Python control flow on tensors where a framework traces a graph, and it becomes none."""

from __future__ import annotations

from unidl.description.plan import LayerPlan
from unidl.errors import NotPortableError
from unidl.graph.line import line_that_raised

FIX = "Write it with ops.cond, ops.while_loop or ops.scan, which work everywhere."


def becomes_no_graph(plan: LayerPlan, framework: str, error: BaseException) -> NotPortableError:
    """The error for a forward whose branches or loops on tensors cannot become a graph.

    Args:
        plan: The layer's.
        framework: Whose graph it is.
        error: What the framework says.
    """
    said = " ".join(str(error).split())
    return NotPortableError(
        f"forward of {plan.title} branches on a tensor in Python, in a form that becomes no graph on {framework}: "
        f"{'; '.join(plan.asks)}.",
        expected="`if` and `while` whose variables are tensors of one shape and dtype, whichever way they go, and have a value "
        "before; no `else` of a loop, no generator, nothing that leaves a `for` over Python's own range or list",
        received=f"{type(error).__name__}: {said[:300]}",
        fix=FIX,
    )


def has_no_source(plan: LayerPlan, framework: str) -> NotPortableError:
    """The error for a forward whose code cannot be read."""
    return NotPortableError(
        f"forward of {plan.title} branches on a tensor in Python, and on {framework} its code has no source to convert into a "
        f"graph: {'; '.join(plan.asks)}.",
        expected="classes and functions in a file or a notebook cell",
        fix=f"Move the class to a file. {FIX}",
    )


def asked_in_a_graph(error: BaseException, framework: str) -> NotPortableError:
    """The error for Python that asks whether a tensor is true, in a loss, a metric or a step that is traced into a graph."""
    where = line_that_raised(error)
    return NotPortableError(
        f"Python asked whether a tensor is true{f' in {where}' if where else ''}, while {framework} traced the code into a graph, "
        "where it has no value.",
        expected="`if` and `while` on tensors only in the forward of a Layer or Model",
        fix=FIX,
    )
