"""What a schedule is."""

from __future__ import annotations

from typing import Any

from unidl.capture import Captured
from unidl.errors import ArgumentError


class Schedule(metaclass=Captured):
    """The learning rate of each optimizer step: `schedule(step)`, step 0 being the first."""

    def __call__(self, step: int) -> float:
        """The learning rate."""
        raise ArgumentError(f"{type(self).__name__} has no __call__(step).", fix="Define it; it returns a float.")

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._unidl.arguments.items())  # type: ignore[attr-defined]
        return f"{type(self).__name__}({given})"


class Constant(Schedule):
    """The same learning rate at each step.

    Args:
        value: The learning rate.
    """

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, step: int) -> float:
        """The learning rate."""
        return self.value


def get(value: Any) -> Schedule:
    """The schedule for a number or a schedule.

    Raises:
        ArgumentError: It is neither, or the number is negative.
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return Constant(float(value))
    raise ArgumentError(
        "A learning rate is a number of at least 0, or a schedule.",
        expected="1e-3, or unidl.schedules.Cosine(1e-3, steps=1000)",
        received=repr(value),
    )
