"""Rescaling: a scale and an offset that are given."""

from __future__ import annotations

from typing import Any

from unidl.arguments import number
from unidl.description.layer import Layer


class Rescaling(Layer):
    """Multiply by a number and add another.

        y = x * scale + offset

    Args:
        scale: The factor: 1 / 255 brings the bytes of a picture to [0, 1].
        offset: What is added.
    Input: any shape
    Output: same shape; float32 where the input is of integers
    Raises:
        ArgumentError: One of them is no finite number.
    Example:
        >>> Rescaling(1 / 127.5, offset=-1.0).output_shape((None, 28, 28, 1))
        (None, 28, 28, 1)
    Where the frameworks differ: torch has no such module.
    """

    def __init__(self, scale: float, offset: float = 0.0) -> None:
        self.scale = number(self, "scale", scale)
        self.offset = number(self, "offset", offset)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return x * self.scale + self.offset
