"""Padding as layers: zeros, or the picture mirrored or its border repeated."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import pair_per_axis
from unidl.description.layer import Layer
from unidl.graph.spec import Shape


class _Padding(Layer):
    """What all share: pairs for the spatial axes, and the mode of `ops.pad`."""

    _axes = "(batch, ..., channels)"
    _mode = "constant"

    def __init__(self, padding: Any = 1) -> None:
        self.padding = pair_per_axis(self, "padding", padding, self._axes.count(",") - 1)

    def setup(self, shape: Shape) -> None:
        """Check the number of axes."""
        rank = self._axes.count(",") + 1
        self.check_rank(shape, rank, self._axes, most=rank)

    def forward(self, x: Any) -> Any:
        """The same batch and channels, longer spatial axes."""
        return ops.pad(x, ((0, 0), *self.padding, (0, 0)), mode=self._mode)


class ZeroPadding1D(_Padding):
    """Zeros in front of and behind each spatial axis.

        a b c, padding=1 -> 0 a b c 0

    Args:
        padding: One integer for both ends, or a pair (in front, behind).
    Input: (batch, steps, channels)
    Output: (batch, steps', channels), same dtype
    Raises:
        ShapeError: The input has another number of axes.
    Example:
        >>> ZeroPadding1D(1).output_shape((None, 10, 3))
        (None, 12, 3)
    Where the frameworks differ: torch calls it `ZeroPad1d` and reads (left, right).
    """

    _axes = "(batch, steps, channels)"
    _mode = "constant"


class ZeroPadding2D(_Padding):
    """Zeros in front of and behind each spatial axis.

        a b c, padding=1 -> 0 a b c 0

    Args:
        padding: One integer for all sides; one for height and one for width; or two pairs ((top, bottom), (left, right)).
    Input: (batch, height, width, channels)
    Output: (batch, height', width', channels), same dtype
    Raises:
        ShapeError: The input has another number of axes.
    Example:
        >>> ZeroPadding2D(1).output_shape((None, 28, 28, 3))
        (None, 30, 30, 3)
    Where the frameworks differ: torch calls it `ZeroPad2d` and reads (left, right, top, bottom).
    """

    _axes = "(batch, height, width, channels)"
    _mode = "constant"


class ZeroPadding3D(_Padding):
    """Zeros in front of and behind each spatial axis.

        a b c, padding=1 -> 0 a b c 0

    Args:
        padding: One integer for all sides; one for each of depth, height and width; or three pairs (in front, behind).
    Input: (batch, depth, height, width, channels)
    Output: (batch, depth', height', width', channels), same dtype
    Raises:
        ShapeError: The input has another number of axes.
    Example:
        >>> ZeroPadding3D(1).output_shape((None, 8, 28, 28, 3))
        (None, 10, 30, 30, 3)
    Where the frameworks differ: torch calls it `ZeroPad3d` and reads (left, right, top, bottom, front, back).
    """

    _axes = "(batch, depth, height, width, channels)"
    _mode = "constant"


class ReflectionPadding2D(_Padding):
    """Mirrored pixels around an image; the border's own are not repeated.

        a b c, padding=2 -> c b a b c b a

    Args:
        padding: One integer for all sides; one for height and one for width; or two pairs ((top, bottom), (left, right)).
    Input: (batch, height, width, channels)
    Output: (batch, height', width', channels), same dtype
    Raises:
        ShapeError: The input has another number of axes, or the padding reaches further than what is mirrored.
    Example:
        >>> ReflectionPadding2D(1).output_shape((None, 28, 28, 3))
        (None, 30, 30, 3)
    Where the frameworks differ: torch calls it `ReflectionPad2d` and reads (left, right, top, bottom); Keras has no such layer.
    """

    _axes = "(batch, height, width, channels)"
    _mode = "reflect"


class ReplicationPadding2D(_Padding):
    """The border's pixels repeated around an image.

        a b c, padding=2 -> a a a b c c c

    Args:
        padding: One integer for all sides; one for height and one for width; or two pairs ((top, bottom), (left, right)).
    Input: (batch, height, width, channels)
    Output: (batch, height', width', channels), same dtype
    Raises:
        ShapeError: The input has another number of axes.
    Example:
        >>> ReplicationPadding2D(1).output_shape((None, 28, 28, 3))
        (None, 30, 30, 3)
    Where the frameworks differ: torch calls it `ReplicationPad2d` and reads (left, right, top, bottom); Keras has no such layer.
    """

    _axes = "(batch, height, width, channels)"
    _mode = "replicate"
