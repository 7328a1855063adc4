"""What a schedule is."""

from __future__ import annotations

from typing import Any

from unidl.arguments import number, shown
from unidl.capture import Captured, told_arguments
from unidl.errors import ArgumentError
from unidl.subclass import check_methods, check_signatures


class Schedule(metaclass=Captured):
    """The learning rate of each optimizer step: `schedule(step)`, step 0 being the first."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_methods(cls, Schedule)
        check_signatures(cls, Schedule, {"__call__": ("step",)})

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
    if isinstance(value, Schedule):
        return value
    if isinstance(value, type) and issubclass(value, Schedule):
        raise ArgumentError(f"The learning rate is the class {value.__name__}.", fix=f"Call it: {value.__name__}(…).")
    try:
        return Constant(value)
    except ArgumentError:
        raise ArgumentError(
            "A learning rate is a finite number of at least 0, or a schedule.",
            expected="1e-3, or unidl.schedules.Cosine(1e-3, steps=1000)",
            received=shown(value),
        ) from None
