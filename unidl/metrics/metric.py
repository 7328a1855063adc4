"""What a metric is: a state that batches are added to, and a number read from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from unidl import habits, ops
from unidl.capture import Captured, snake_case
from unidl.errors import ArgumentError

NAMES: dict[str, type[Metric]] = {}


class Metric(metaclass=Captured):
    """A number gathered over batches. The state is a dict of tensors; nothing is read before the epoch ends.

    A subclass defines `initial`, `update` and `result`.
    """

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name is not None:
            NAMES[name] = cls

    @property
    def name(self) -> str:
        """Under which the number is logged."""
        return self._unidl.name or snake_case(type(self).__name__)  # type: ignore[attr-defined]

    def initial(self) -> dict[str, np.ndarray]:
        """The state before the first batch."""
        raise ArgumentError(f"{type(self).__name__} has no initial().", fix="Define initial, update and result.")

    def update(self, state: dict[str, Any], targets: Any, predictions: Any) -> dict[str, Any]:
        """The state after one more batch, computed with unidl.ops."""
        raise ArgumentError(f"{type(self).__name__} has no update(…).", fix="Define initial, update and result.")

    def result(self, state: dict[str, np.ndarray]) -> float:
        """The number, from the state as arrays."""
        raise ArgumentError(f"{type(self).__name__} has no result(…).", fix="Define initial, update and result.")


class Mean(Metric):
    """The mean of a function of targets and predictions over all examples.

    Args:
        function: Gives a number for each example (batch, ...), or one for the batch.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    @property
    def name(self) -> str:
        """The function's name."""
        return str(self._unidl.name or getattr(self.function, "__name__", "mean"))  # type: ignore[attr-defined]

    def initial(self) -> dict[str, np.ndarray]:
        """The sum, what rounding has taken from it, and the count as an integer: a float32 count would stop growing at 2^24.

        Not in float64, which not every device has (Kahan, 1965, doi:10.1145/363707.363723).
        """
        zero = np.zeros((), "float32")
        return {"total": zero, "lost": zero, "count": np.zeros((), "int64")}

    def update(self, state: dict[str, Any], targets: Any, predictions: Any) -> dict[str, Any]:
        """Add the batch's mean, weighted by its length."""
        count = ops.shape(targets)[0]
        value = ops.cast(ops.mean(ops.cast(self.function(targets, predictions), "float32")), "float32")
        added = ops.add(ops.multiply(value, count), state["lost"])
        total = ops.add(state["total"], added)
        return {
            "total": total,
            "lost": ops.subtract(added, ops.subtract(total, state["total"])),
            "count": ops.add(state["count"], count),
        }

    def result(self, state: dict[str, np.ndarray]) -> float:
        """(total + lost) / count; beside an infinite total nothing is lost."""
        total, lost = float(state["total"]), float(state["lost"])
        return (total + lost if math.isfinite(total) else total) / max(float(state["count"]), 1.0)


def get(value: Any) -> Metric:
    """The metric for a name, a metric, or a function of targets and predictions.

    Raises:
        ArgumentError: There is none of that name.
    """
    if isinstance(value, Metric):
        return value
    if isinstance(value, str) and value in NAMES:
        return NAMES[value]()
    if isinstance(value, type) and issubclass(value, Metric):
        raise ArgumentError(f"The metric is the class {value.__name__}.", fix=f"Call it: {value.__name__}().")
    if callable(value):
        return Mean(value)
    way = habits.suggestion(value, habits.METRICS, NAMES) if isinstance(value, str) else None
    raise ArgumentError(
        f"There is no metric {value!r}.",
        expected=f"one of {', '.join(map(repr, NAMES))}, an object of unidl.metrics, or a function(targets, predictions)",
        received=repr(value),
        fix=habits.sentence(repr(way) if way in NAMES else way),
    )
