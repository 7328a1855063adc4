"""Initial weights from one distribution, whatever the weight's shape."""

from __future__ import annotations

import copy
import math

import numpy as np

from unidl.arguments import number, refuse
from unidl.capture import told_arguments
from unidl.initializers.initializer import Initializer, Stream


class Normal(Initializer):
    """Normal with the given mean and standard deviation.

    Args:
        mean: Its mean.
        stddev: Its standard deviation.
    """

    name = "normal"

    @told_arguments
    def __init__(self, mean: float = 0.0, stddev: float = 0.05) -> None:
        self.mean = number(self, "mean", mean)
        self.stddev = number(self, "stddev", stddev, least=0)

    def _stream(self, shape: tuple[int, ...], generator: np.random.Generator) -> Stream:
        """The draws."""
        return lambda count: generator.normal(self.mean, self.stddev, count)


class Uniform(Initializer):
    """Uniform in [low, high).

    Args:
        low: Lower bound, included.
        high: Upper bound, left out.
    """

    name = "uniform"

    @told_arguments
    def __init__(self, low: float = -0.05, high: float = 0.05) -> None:
        self.low = number(self, "low", low)
        self.high = number(self, "high", high)
        if self.low > self.high:
            raise refuse(self, "low", f"at most high={high!r}", low, "Exchange them.")

    def _stream(self, shape: tuple[int, ...], generator: np.random.Generator) -> Stream:
        """The draws."""
        return lambda count: generator.uniform(self.low, self.high, count)


class TruncatedNormal(Initializer):
    """Normal, redrawn beyond two standard deviations; the deviation of what is left is 0.88 of `stddev`, as in Keras.

    Args:
        mean: Mean before the cut.
        stddev: Standard deviation before the cut.

    Where the frameworks differ: torch's `trunc_normal_` cuts at the absolute values -2 and 2.
    """

    name = "truncated_normal"

    @told_arguments
    def __init__(self, mean: float = 0.0, stddev: float = 0.05) -> None:
        self.mean = number(self, "mean", mean)
        self.stddev = number(self, "stddev", stddev, least=0)

    def _stream(self, shape: tuple[int, ...], generator: np.random.Generator) -> Stream:
        """The draws."""
        following = standard_truncated_normal(math.prod(shape), generator)
        return lambda count: self.mean + self.stddev * following(count)


IN_MEMORY = 2**22  # values that are drawn at once


def standard_truncated_normal(size: int, generator: np.random.Generator) -> Stream:
    """Standard normal numbers, each drawn again until it lies within [-2, 2], all first draws before all others.

    Of many numbers the first draws are made twice: once to find those outside, whose later draws follow the last of the first,
    and once more to give them, a piece at a time.
    """
    first = copy.deepcopy(generator.bit_generator) if size > IN_MEMORY else None
    drawn, places = [np.zeros(0)], []
    for start in range(0, size, IN_MEMORY):
        drawn = [generator.standard_normal(min(IN_MEMORY, size - start))]  # the last ones alone are needed
        places.append(start + np.flatnonzero(np.abs(drawn[0]) > 2))
    outside = np.concatenate(places) if places else np.zeros(0, "int64")
    inside = np.empty(len(outside))
    left = np.arange(len(outside))
    while len(left):
        inside[left] = generator.standard_normal(len(left))
        left = left[np.abs(inside[left]) > 2]
    again = None if first is None else np.random.Generator(first)
    given = 0

    def following(count: int) -> np.ndarray:
        nonlocal given
        values = again.standard_normal(count) if again is not None else drawn[0][given : given + count].copy()
        found = slice(*np.searchsorted(outside, (given, given + count)))
        values[outside[found] - given] = inside[found]
        given += count
        return values

    return following
