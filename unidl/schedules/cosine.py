"""Cosine decay, with a linear warm-up."""

from __future__ import annotations

import math

from unidl.arguments import integer, number
from unidl.errors import ArgumentError
from unidl.schedules.schedule import Schedule


class Cosine(Schedule):
    """Half a cosine from the peak to the floor, after a linear warm-up.

        rate(t) = peak * (t + 1) / warmup                                             for t < warmup
        rate(t) = floor + (peak - floor) * (1 + cos(pi * (t - warmup) / (steps - warmup))) / 2    up to t = steps, then floor

    Args:
        peak: The highest learning rate.
        steps: Optimizer steps until the floor is reached, warm-up included.
        warmup: Steps of the warm-up.
        floor: The lowest learning rate.
    Example:
        >>> rate = Cosine(1.0, steps=10)
        >>> [round(rate(t), 3) for t in (0, 5, 10, 11)]
        [1.0, 0.5, 0.0, 0.0]
    Where the frameworks differ: torch's schedulers are often stepped once an epoch; here, as in Keras, each optimizer step counts.
    References: Loshchilov, Hutter (2017), arXiv:1608.03983.
    """

    def __init__(self, peak: float, steps: int, warmup: int = 0, floor: float = 0.0) -> None:
        self.peak = number(self, "peak", peak, least=0)
        self.steps = integer(self, "steps", steps, 1)
        self.warmup = integer(self, "warmup", warmup, 0)
        self.floor = number(self, "floor", floor, least=0)
        if self.steps <= self.warmup:
            raise ArgumentError(
                "Cosine needs more steps than warm-up steps.",
                expected="0 <= warmup < steps",
                received=f"{steps=}, {warmup=}",
            )

    def __call__(self, step: int) -> float:
        """The learning rate of that step."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = min((step - self.warmup) / (self.steps - self.warmup), 1.0)
        return self.floor + (self.peak - self.floor) * (1 + math.cos(math.pi * done)) / 2
