"""Dropout."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import fraction
from unidl.description.layer import Layer


class Dropout(Layer):
    """In training, set a random part of the elements to 0 and scale the rest up, so that the mean stays.

        y = x * m / (1 - rate)        m: 1 with probability 1 - rate, else 0; in inference y = x

    Args:
        rate: The share of elements that are set to 0.
    Input: any shape
    Output: same shape and dtype
    Raises:
        ArgumentError: The rate is outside [0, 1).
    Example:
        >>> Dropout(0.5).output_shape((None, 8))
        (None, 8)
    Where the frameworks differ: each draws from its own generator, so the elements that are dropped differ.
    References: Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """

    def __init__(self, rate: float) -> None:
        self.rate = fraction(self, "rate", rate)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return ops.random.dropout(x, self.rate) if self.training else x
