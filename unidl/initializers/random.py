"""Initial weights from one distribution, whatever the weight's shape."""

from __future__ import annotations

import numpy as np

from unidl.arguments import number, refuse
from unidl.capture import told_arguments
from unidl.initializers.initializer import Initializer


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

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The draw."""
        return generator.normal(self.mean, self.stddev, shape)


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

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The draw."""
        return generator.uniform(self.low, self.high, shape)


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

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The draw."""
        return self.mean + self.stddev * standard_truncated_normal(shape, generator)


def standard_truncated_normal(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Standard normal numbers, each drawn again until it lies within [-2, 2]."""
    value = generator.standard_normal(shape)
    outside = np.abs(value) > 2
    while outside.any():
        value[outside] = generator.standard_normal(int(outside.sum()))
        outside = np.abs(value) > 2
    return value
