"""Initial weights that are all the same number."""

from __future__ import annotations

import numpy as np

from unidl.arguments import number
from unidl.capture import told_arguments
from unidl.initializers.initializer import Initializer


class Constant(Initializer):
    """Every element is `value`.

    Args:
        value: The number.
    """

    name = "constant"

    @told_arguments
    def __init__(self, value: float = 0.0) -> None:
        self.value = number(self, "value", value)

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The constant array."""
        return np.full(shape, self.value, "float64")


class Zeros(Initializer):
    """Every element is 0."""

    name = "zeros"

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The array of zeros."""
        return np.zeros(shape)


class Ones(Initializer):
    """Every element is 1."""

    name = "ones"

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The array of ones."""
        return np.ones(shape)
