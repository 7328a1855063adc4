"""A schedule as a function of the step."""

from __future__ import annotations

import math
from typing import Any

from unidl.codegen.host import traced, value_of
from unidl.codegen.host_code import PythonCode, function_text
from unidl.codegen.literals import docstring
from unidl.errors import SourceError
from unidl.schedules import Schedule

STEPS = (*range(200), *(10**n for n in range(3, 8)))  # at which the code is compared with the schedule


def rate_of(schedule: Schedule) -> Any:
    """What a schedule computes from the variable "step".

    Raises:
        SourceError: It cannot be followed, or gives other rates than its code: it depends on more than the step.
    """
    tree = traced(schedule, "__call__", lambda variable: (variable("step", ()),), counter="step")
    for step in STEPS:
        right, found = float(schedule(step)), float(value_of(tree, {"step": step}))
        if not math.isclose(right, found, rel_tol=1e-12):
            raise SourceError(
                f"{type(schedule).__name__} gives another learning rate than its code.",
                expected=f"{found} at step {step}",
                received=str(right),
                fix="Compute the rate from the step and what the constructor took alone.",
            )
    return tree


def title_of(schedule: Schedule) -> list[str]:
    """The docstring of a schedule's code."""
    shown = f"{schedule!r}."
    return docstring(shown if len(shown) <= 76 and shown.isprintable() else f"{type(schedule).__name__}.")


def rate_function(schedule: Schedule, tree: Any) -> str:
    """A function of the step, in Python."""
    return "\n".join(function_text(PythonCode, "learning_rate", {"step": "step"}, tree, title_of(schedule)))
