"""What a schedule is."""

from __future__ import annotations

from typing import Any

from unidl import habits
from unidl.arguments import number, shown
from unidl.capture import told_arguments
from unidl.errors import ArgumentError
from unidl.family import Family, Member

SCHEDULES: Family[Schedule] = Family(
    "learning rate", "schedules", habits.SCHEDULES, "a number, or an object of unidl.schedules", call="…"
)


class Schedule(Member, family=SCHEDULES, calls={"__call__": ("step",)}):
    """The learning rate of each optimizer step: `schedule(step)`, step 0 being the first."""

    def __call__(self, step: int) -> float:
        """The learning rate."""
        raise ArgumentError(f"{type(self).__name__} has no __call__(step).", fix="Define it; it returns a float.")


class Constant(Schedule):
    """The same learning rate at each step.

    Args:
        value: The learning rate.
    """

    def __init__(self, value: float) -> None:
        self.value = number(self, "value", value, least=0)

    def __call__(self, step: int) -> float:
        """The learning rate."""
        return self.value


@told_arguments
def get(value: Any) -> Schedule:
    """The schedule for a number or a schedule.

    Raises:
        ArgumentError: It is neither, or the number is negative.
    """
    found = None if isinstance(value, str) else SCHEDULES.found(value)
    if found is not None:
        return found
    try:
        return Constant(value)
    except ArgumentError:
        raise ArgumentError(
            "A learning rate is a finite number of at least 0, or a schedule.",
            expected="1e-3, or unidl.schedules.Cosine(1e-3, steps=1000)",
            received=shown(value),
        ) from None
