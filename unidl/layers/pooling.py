"""Pooling over images: the largest or the mean of each window, or of a whole channel."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import flag, one_of, per_axis
from unidl.description.layer import Layer
from unidl.graph.spec import Shape

_AXES = "(batch, height, width, channels)"


class _Pooling2D(Layer):
    """What both poolings share: their arguments."""

    def __init__(
        self,
        pool_size: int | tuple[int, int] = 2,
        strides: int | tuple[int, int] | None = None,
        padding: str = "valid",
    ) -> None:
        self.pool_size = per_axis(self, "pool_size", pool_size, 2)
        self.strides = self.pool_size if strides is None else per_axis(self, "strides", strides, 2)
        self.padding = one_of(self, "padding", padding, ("valid", "same"))

    def setup(self, shape: Shape) -> None:
        """Check that there are two spatial axes."""
        self.check_rank(shape, 4, _AXES, most=4)


class MaxPooling2D(_Pooling2D):
    """The largest value of each window.

        y[b, i, j, c] = max_{u, v} x[b, i*s + u, j*s + v, c]

    At a tie the gradient goes to the first of the largest; padding never wins.

    Args:
        pool_size: Height and width of the window, in pixels.
        strides: Steps of the window, in pixels; None is `pool_size`.
        padding: "valid" (none) or "same" (the output has ceil(n / stride) pixels; an odd pixel of padding goes at the end).
    Input: (batch, height, width, channels)
    Output: (batch, height', width', channels), same dtype
    Raises:
        ShapeError: The input has other than four axes, or the window does not fit into it.
    Example:
        >>> MaxPooling2D(2).output_shape((None, 28, 28, 8))
        (None, 14, 14, 8)
    Where the frameworks differ: torch pads evenly and at most half a window, so unidl pads there with minus infinity first.
    """

    def forward(self, x: Any) -> Any:
        """(batch, height, width, channels) -> (batch, height', width', channels)."""
        return ops.max_pool(x, self.pool_size, self.strides, self.padding)


class AveragePooling2D(_Pooling2D):
    """The mean of each window, over the pixels that lie inside the image.

        y[b, i, j, c] = mean_{u, v} x[b, i*s + u, j*s + v, c]

    Args:
        pool_size: Height and width of the window, in pixels.
        strides: Steps of the window, in pixels; None is `pool_size`.
        padding: "valid" (none) or "same" (the output has ceil(n / stride) pixels; padding does not count in the mean).
    Input: (batch, height, width, channels)
    Output: (batch, height', width', channels), same dtype
    Raises:
        ShapeError: The input has other than four axes, or the window does not fit into it.
    Example:
        >>> AveragePooling2D(3, strides=2, padding="same").output_shape((None, 28, 28, 8))
        (None, 14, 14, 8)
    Where the frameworks differ: torch counts its padding as zeros unless told otherwise; Keras on torch repeats the border where
    the padding is uneven.
    """

    def forward(self, x: Any) -> Any:
        """(batch, height, width, channels) -> (batch, height', width', channels)."""
        return ops.average_pool(x, self.pool_size, self.strides, self.padding)


class _GlobalPooling(Layer):
    """What all global poolings share: their argument, and all spatial axes."""

    _axes = _AXES

    def __init__(self, keepdims: bool = False) -> None:
        self.keepdims = flag(self, "keepdims", keepdims)

    def setup(self, shape: Shape) -> None:
        """Check the number of spatial axes."""
        rank = self._axes.count(",") + 1
        self.check_rank(shape, rank, self._axes, most=rank)


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel over the whole image.

        y[b, c] = mean_{i, j} x[b, i, j, c]

    Args:
        keepdims: Whether height and width stay, with length 1.
    Input: (batch, height, width, channels)
    Output: (batch, channels), same dtype; with keepdims (batch, 1, 1, channels)
    Raises:
        ShapeError: The input has other than four axes.
    Example:
        >>> GlobalAveragePooling2D().output_shape((None, 7, 7, 64))
        (None, 64)
    Where the frameworks differ: torch calls this `AdaptiveAvgPool2d(1)` and keeps the axes.
    """

    def forward(self, x: Any) -> Any:
        """(batch, height, width, channels) -> (batch, channels)."""
        return ops.mean(x, axis=(1, 2), keepdims=self.keepdims)


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel over the whole image.

        y[b, c] = max_{i, j} x[b, i, j, c]

    At a tie the gradient is split evenly, as that of `ops.max`.

    Args:
        keepdims: Whether height and width stay, with length 1.
    Input: (batch, height, width, channels)
    Output: (batch, channels), same dtype; with keepdims (batch, 1, 1, channels)
    Raises:
        ShapeError: The input has other than four axes.
    Example:
        >>> GlobalMaxPooling2D().output_shape((None, 7, 7, 64))
        (None, 64)
    Where the frameworks differ: torch's `AdaptiveMaxPool2d(1)` gives the gradient at a tie to one of the largest.
    """

    def forward(self, x: Any) -> Any:
        """(batch, height, width, channels) -> (batch, channels)."""
        return ops.max(x, axis=(1, 2), keepdims=self.keepdims)


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel over all positions.

        y[b, c] = mean_{t} x[b, t, c]

    Args:
        keepdims: Whether the spatial axes stay, with length 1.
    Input: (batch, steps, channels)
    Output: (batch, channels), same dtype; with keepdims (batch, 1, channels)
    Raises:
        ShapeError: The input has another number of axes.
    Example:
        >>> GlobalAveragePooling1D().output_shape((None, 10, 64))
        (None, 64)
    Where the frameworks differ: torch calls this `AdaptiveAvgPool1d(1)` and keeps the axes.
    """

    _axes = "(batch, steps, channels)"

    def forward(self, x: Any) -> Any:
        """(batch, steps, channels) -> (batch, channels)."""
        return ops.mean(x, axis=1, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value of each channel over all positions.

        y[b, c] = max_{t} x[b, t, c]

    At a tie the gradient is split evenly, as that of `ops.max`.

    Args:
        keepdims: Whether the spatial axes stay, with length 1.
    Input: (batch, steps, channels)
    Output: (batch, channels), same dtype; with keepdims (batch, 1, channels)
    Raises:
        ShapeError: The input has another number of axes.
    Example:
        >>> GlobalMaxPooling1D().output_shape((None, 10, 64))
        (None, 64)
    Where the frameworks differ: torch calls this `AdaptiveMaxPool1d(1)` and keeps the axes.
    """

    _axes = "(batch, steps, channels)"

    def forward(self, x: Any) -> Any:
        """(batch, steps, channels) -> (batch, channels)."""
        return ops.max(x, axis=1, keepdims=self.keepdims)


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of each channel over all positions.

        y[b, c] = mean_{i, j, k} x[b, i, j, k, c]

    Args:
        keepdims: Whether the spatial axes stay, with length 1.
    Input: (batch, depth, height, width, channels)
    Output: (batch, channels), same dtype; with keepdims (batch, 1, 1, 1, channels)
    Raises:
        ShapeError: The input has another number of axes.
    Example:
        >>> GlobalAveragePooling3D().output_shape((None, 4, 7, 7, 64))
        (None, 64)
    Where the frameworks differ: torch calls this `AdaptiveAvgPool3d(1)` and keeps the axes.
    """

    _axes = "(batch, depth, height, width, channels)"

    def forward(self, x: Any) -> Any:
        """(batch, depth, height, width, channels) -> (batch, channels)."""
        return ops.mean(x, axis=(1, 2, 3), keepdims=self.keepdims)


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest value of each channel over all positions.

        y[b, c] = max_{i, j, k} x[b, i, j, k, c]

    At a tie the gradient is split evenly, as that of `ops.max`.

    Args:
        keepdims: Whether the spatial axes stay, with length 1.
    Input: (batch, depth, height, width, channels)
    Output: (batch, channels), same dtype; with keepdims (batch, 1, 1, 1, channels)
    Raises:
        ShapeError: The input has another number of axes.
    Example:
        >>> GlobalMaxPooling3D().output_shape((None, 4, 7, 7, 64))
        (None, 64)
    Where the frameworks differ: torch calls this `AdaptiveMaxPool3d(1)` and keeps the axes.
    """

    _axes = "(batch, depth, height, width, channels)"

    def forward(self, x: Any) -> Any:
        """(batch, depth, height, width, channels) -> (batch, channels)."""
        return ops.max(x, axis=(1, 2, 3), keepdims=self.keepdims)
