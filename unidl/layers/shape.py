"""Layers that only reorder axes: Flatten, Reshape."""

from __future__ import annotations

import math
from typing import Any

from unidl import arguments, ops
from unidl.description.layer import Layer
from unidl.errors import ShapeError
from unidl.graph.spec import Shape


class Flatten(Layer):
    """All axes but the batch axis as one, the last axis running fastest.

    Input: (batch, ...)
    Output: (batch, product of the rest)
    Example:
        >>> Flatten().output_shape((None, 28, 28, 1))
        (None, 784)
    Where the frameworks differ: data is channels-last everywhere, so the order is Keras', not that of a torch model with
    channels-first data.
    """

    def forward(self, x: Any) -> Any:
        """One reshape."""
        rest = x.shape[1:]
        return ops.reshape(x, (ops.shape(x)[0], -1 if None in rest else math.prod(rest)))


class Reshape(Layer):
    """Each example in another shape, in the same order.

    Args:
        target_shape: Axes after the batch axis; one may be -1.
    Input: (batch, ...)
    Output: (batch, *target_shape)
    Raises:
        ShapeError: The number of elements differs.
    Example:
        >>> Reshape((7, -1)).output_shape((None, 28))
        (None, 7, 4)
    """

    def __init__(self, target_shape: tuple[int, ...]) -> None:
        lengths = arguments.shape(self, "target_shape", target_shape, infer=True)
        self.target_shape = tuple([length for length in lengths if length is not None])

    def setup(self, shape: Shape) -> None:
        """Check that the elements fit."""
        if None in shape[1:]:
            return
        have, want = math.prod(shape[1:]), math.prod(axis for axis in self.target_shape if axis != -1)  # type: ignore[arg-type]
        if have != want and (self.target_shape.count(-1) != 1 or want == 0 or have % want):
            raise ShapeError(
                f"Reshape to {self.target_shape} does not fit the input.",
                expected=f"{want} elements for each example"
                + (" times a whole number" if -1 in self.target_shape else ""),
                received=f"{have}, of shape {shape}",
            )

    def forward(self, x: Any) -> Any:
        """One reshape."""
        return ops.reshape(x, (ops.shape(x)[0], *self.target_shape))
