"""Layers that only reorder and repeat: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from typing import Any

from unidl import arguments, ops
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, ShapeError
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


class Permute(Layer):
    """The axes of each example in another order.

        y[b, i, j] = x[b, j, i]        for dims=(2, 1)

    Args:
        dims: For each axis of the output the axis of the input, from 1; the batch axis 0 stays.
    Input: (batch, ...)
    Output: (batch, ...), the same axes in the order `dims`, same dtype
    Raises:
        ArgumentError: It is no order of 1 to n.
        ShapeError: The input has another number of axes.
    Example:
        >>> Permute((2, 1)).output_shape((None, 10, 8))
        (None, 8, 10)
    Where the frameworks differ: torch's `permute` counts from 0 and takes the batch axis too.
    """

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = arguments.axes(self, "dims", dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(
                "Permute: invalid value for dims.",
                expected="each axis after the batch axis once, from 1: (2, 1)",
                received=repr(dims),
            )

    def setup(self, shape: Shape) -> None:
        """Check the number of axes."""
        rank = len(self.dims) + 1
        self.check_rank(shape, rank, f"(batch and {rank - 1} more)", most=rank)

    def forward(self, x: Any) -> Any:
        """One transposition."""
        return ops.transpose(x, (0, *self.dims))


class RepeatVector(Layer):
    """Each vector several times, one after another, as a series.

        y[b, t, f] = x[b, f]        for t below n

    Args:
        n: How many times.
    Input: (batch, features)
    Output: (batch, n, features), same dtype
    Raises:
        ShapeError: The input has other than two axes.
    Example:
        >>> RepeatVector(3).output_shape((None, 8))
        (None, 3, 8)
    """

    def __init__(self, n: int) -> None:
        self.n = arguments.positive(self, "n", n)

    def setup(self, shape: Shape) -> None:
        """Check the number of axes."""
        self.check_rank(shape, 2, "(batch, features)", most=2)

    def forward(self, x: Any) -> Any:
        """(batch, features) -> (batch, n, features)."""
        return ops.repeat(ops.expand_dims(x, 1), self.n, axis=1)
