"""Noise in training: added, or multiplied."""

from __future__ import annotations

import math
from typing import Any

from unidl import ops
from unidl.arguments import fraction, number
from unidl.description.layer import Layer


class GaussianNoise(Layer):
    """In training, add normal noise.

        y = x + n        n ~ N(0, stddev^2) for each element; in inference y = x

    Args:
        stddev: The standard deviation of the noise.
    Input: any shape, of floats
    Output: same shape and dtype
    Raises:
        ArgumentError: The standard deviation is negative.
    Example:
        >>> GaussianNoise(0.1).output_shape((None, 8))
        (None, 8)
    Where the frameworks differ: torch has no such module.
    """

    def __init__(self, stddev: float) -> None:
        self.stddev = number(self, "stddev", stddev, least=0)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return x + ops.random.normal(like=x) * self.stddev if self.training and self.stddev else x


class GaussianDropout(Layer):
    """In training, multiply by normal noise around 1, of the variance that Dropout's factor has.

        y = x * n        n ~ N(1, rate / (1 - rate)) for each element; in inference y = x

    Args:
        rate: The rate of the Dropout with the same variance.
    Input: any shape, of floats
    Output: same shape and dtype
    Raises:
        ArgumentError: The rate is outside [0, 1).
    Example:
        >>> GaussianDropout(0.5).output_shape((None, 8))
        (None, 8)
    Where the frameworks differ: torch has no such module.
    References: Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from Overfitting, section 10.
    """

    def __init__(self, rate: float) -> None:
        self.rate = fraction(self, "rate", rate)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if not self.training or self.rate == 0:
            return x
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return x * (ops.random.normal(like=x) * stddev + 1.0)
