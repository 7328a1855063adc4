"""Cropping as layers: elements cut off the ends of the spatial axes."""

from __future__ import annotations

from typing import Any

from unidl.arguments import pair_per_axis
from unidl.description.layer import Layer
from unidl.errors import ShapeError
from unidl.graph.spec import Shape


class _Cropping(Layer):
    """What all share: pairs for the spatial axes."""

    _axes = "(batch, ..., channels)"

    def __init__(self, cropping: Any = 1) -> None:
        self.cropping = pair_per_axis(self, "cropping", cropping, self._axes.count(",") - 1)

    def setup(self, shape: Shape) -> None:
        """Check the number of axes, and that something is left of each."""
        rank = self._axes.count(",") + 1
        self.check_rank(shape, rank, self._axes, most=rank)
        for axis, (low, high) in enumerate(self.cropping, 1):
            length = shape[axis]
            if length is not None and low + high >= length:
                raise ShapeError(
                    f"{type(self).__name__} would cut off all of axis {axis}.",
                    expected=f"less than {length} in all",
                    received=f"{low} in front and {high} behind",
                )

    def forward(self, x: Any) -> Any:
        """The same batch and channels, shorter spatial axes."""
        return x[(slice(None), *(slice(low, -high if high else None) for low, high in self.cropping))]


class Cropping1D(_Cropping):
    """Elements cut off the ends of each spatial axis.

        a b c d e, cropping=(1, 2) -> b c

    Args:
        cropping: One integer for both ends, or a pair (in front, behind).
    Input: (batch, steps, channels)
    Output: (batch, steps', channels), same dtype
    Raises:
        ShapeError: The input has another number of axes, or nothing would be left of one.
    Example:
        >>> Cropping1D(1).output_shape((None, 10, 3))
        (None, 8, 3)
    Where the frameworks differ: torch has no such module.
    """

    _axes = "(batch, steps, channels)"


class Cropping2D(_Cropping):
    """Elements cut off the ends of each spatial axis.

        a b c d e, cropping=(1, 2) -> b c

    Args:
        cropping: One integer for all sides; one for height and one for width; or two pairs ((top, bottom), (left, right)).
    Input: (batch, height, width, channels)
    Output: (batch, height', width', channels), same dtype
    Raises:
        ShapeError: The input has another number of axes, or nothing would be left of one.
    Example:
        >>> Cropping2D(1).output_shape((None, 28, 28, 3))
        (None, 26, 26, 3)
    Where the frameworks differ: torch has no such module.
    """

    _axes = "(batch, height, width, channels)"


class Cropping3D(_Cropping):
    """Elements cut off the ends of each spatial axis.

        a b c d e, cropping=(1, 2) -> b c

    Args:
        cropping: One integer for all sides; one for each of depth, height and width; or three pairs (in front, behind).
    Input: (batch, depth, height, width, channels)
    Output: (batch, depth', height', width', channels), same dtype
    Raises:
        ShapeError: The input has another number of axes, or nothing would be left of one.
    Example:
        >>> Cropping3D(1).output_shape((None, 8, 28, 28, 3))
        (None, 6, 26, 26, 3)
    Where the frameworks differ: torch has no such module.
    """

    _axes = "(batch, depth, height, width, channels)"
