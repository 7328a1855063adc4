"""Metrics that are the mean of a value over positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unidl import ops
from unidl.errors import ArgumentError
from unidl.metrics.metric import Metric
from unidl.targets import weights

# What a weighted mean keeps: sum(w * value), sum(w), and what rounding has taken from each
_SUMS = ("weighted", "weighted_lost", "weight", "weight_lost")


class Average(Metric):
    """The mean over positions: sum(w * value) / sum(w), with w = 1 where batches come without weights.

    A subclass defines `per_example`, `mask` where positions are left out, and `count`, which adds a batch without weights.
    """

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """The value of each position: (batch, ...)."""
        raise ArgumentError(
            f"{type(self).__name__} has no per_example(targets, predictions).", fix="Define it on the class."
        )

    def mask(self, targets: Any) -> Any:
        """Which positions count: a bool tensor of the shape of `per_example`, or None where all do."""
        return None

    def count(self, state: dict[str, Any], targets: Any, predictions: Any) -> dict[str, Any]:
        """The state after one more batch without weights."""
        raise ArgumentError(f"{type(self).__name__} has no count(…).", fix="Define it on the class.")

    def weighted_initial(self) -> dict[str, np.ndarray]:
        """Sums of weights too, in float32 with their compensation (Kahan, 1965, doi:10.1145/363707.363723)."""
        return {**self.initial(), **{name: np.zeros((), "float32") for name in _SUMS}}

    def update(
        self, state: dict[str, Any], targets: Any, predictions: Any, sample_weight: Any = None, mask: Any = None
    ) -> dict[str, Any]:
        """Add a batch.

        Args:
            state: Before it.
            targets: As the metric takes them.
            predictions: Likewise.
            sample_weight: (batch,), or more of the first axes of `per_example`: numbers from 0 up; booleans are a mask.
            mask: Likewise, booleans: False leaves the position out.
        """
        if sample_weight is None and mask is None:
            return self.count(state, targets, predictions)
        title = f"The metric {self.name!r}"
        values = ops.cast(self.per_example(targets, predictions), "float32")
        factor, counts = weights.factors(title, values, sample_weight, mask, self.mask(targets))
        values, number = weights.weighed(values, factor, counts)
        number = number if factor is None else ops.multiply(number, factor)
        before = {name: state.get(name, np.zeros((), "float32")) for name in _SUMS}
        return {
            **state,
            **_added(before, "weighted", "weighted_lost", ops.sum(values)),
            **_added(before, "weight", "weight_lost", ops.sum(number)),
        }

    def mean_of(self, total: float, number: float, state: dict[str, np.ndarray]) -> float:
        """total / number, weighted batches included; NaN of nothing, for then it is not defined."""
        if "weight" in state:
            total += compensated(state, "weighted", "weighted_lost")
            number += compensated(state, "weight", "weight_lost")
        return total / number if number else math.nan


def _added(state: dict[str, Any], total: str, lost: str, value: Any) -> dict[str, Any]:
    """A compensated sum and one more summand."""
    added = ops.add(value, state[lost])
    after = ops.add(state[total], added)
    return {total: after, lost: ops.subtract(added, ops.subtract(after, state[total]))}


def compensated(state: dict[str, np.ndarray], total: str, lost: str) -> float:
    """A compensated sum as a number; beside an infinite one nothing is lost."""
    whole = float(state[total])
    return whole + float(state[lost]) if math.isfinite(whole) else whole
