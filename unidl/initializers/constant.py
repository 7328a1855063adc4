"""Initial weights that are all the same number."""

from __future__ import annotations

import numpy as np

from unidl.arguments import number
from unidl.capture import told_arguments
from unidl.initializers.initializer import Initializer, Stream


class Constant(Initializer):
    """Every element is `value`.

    Args:
        value: The number.
    """

    name = "constant"

    @told_arguments
    def __init__(self, value: float = 0.0) -> None:
        self.value = number(self, "value", value)

    def _stream(self, shape: tuple[int, ...], generator: np.random.Generator) -> Stream:
        """The number, again and again."""
        return lambda count: np.full(count, self.value, "float64")


class Zeros(Initializer):
    """Every element is 0."""

    name = "zeros"

    def _stream(self, shape: tuple[int, ...], generator: np.random.Generator) -> Stream:
        """Zeros."""
        return np.zeros


class Ones(Initializer):
    """Every element is 1."""

    name = "ones"

    def _stream(self, shape: tuple[int, ...], generator: np.random.Generator) -> Stream:
        """Ones."""
        return np.ones
