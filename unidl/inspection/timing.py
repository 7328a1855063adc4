"""A measured duration with its spread."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """A figure that was measured several times; no winner is named between two whose quartiles overlap.

    Args:
        median: The middle one.
        low: The first quartile.
        high: The third quartile.
        rounds: How many there were.
        unit: "s" for seconds, "B" for bytes, "1/s" for examples in a second.
    """

    median: float
    low: float
    high: float
    rounds: int
    unit: str = "s"

    @classmethod
    def of(cls, values: Sequence[float], unit: str = "s") -> Timing:
        """The spread of some measurements."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0], 1, unit)
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high, len(values), unit)

    def overlaps(self, other: Timing) -> bool:
        """Whether the two spreads have a value in common, so that neither is said to be the smaller."""
        return self.low <= other.high and other.low <= self.high
