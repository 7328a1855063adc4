"""Pixel shuffle: channels become pixels."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import positive
from unidl.description.layer import Layer
from unidl.errors import ShapeError
from unidl.graph.spec import Shape


class PixelShuffle(Layer):
    """Larger images out of their channels, also called depth to space.

        y[b, i*s + u, j*s + v, c] = x[b, i, j, (u*s + v)*C + c]        C = channels / s^2

    Args:
        size: The factor s for height and width.
    Input: (batch, height, width, channels)
    Output: (batch, height * size, width * size, channels / size^2), same dtype
    Raises:
        ShapeError: The input has other than four axes, or its channels are unknown or no multiple of size^2.
    Example:
        >>> PixelShuffle(2).output_shape((None, 14, 14, 12))
        (None, 28, 28, 3)
    Where the frameworks differ: this is `tf.nn.depth_to_space`; in torch's `PixelShuffle` the new channel runs slowest, c*s^2 + u*s + v,
    so a convolution before it has its filters in another order there.
    References: Shi et al. (2016), arXiv:1609.05158.
    """

    def __init__(self, size: int) -> None:
        self.size = positive(self, "size", size)

    def setup(self, shape: Shape) -> None:
        """Check that the channels can be divided."""
        self.check_rank(shape, 4, "(batch, height, width, channels)", most=4)
        self.channels, rest = divmod(self.check_known(shape, -1, "channels"), self.size**2)
        if rest or not self.channels:
            raise ShapeError(
                "PixelShuffle cannot make pixels of these channels.",
                expected=f"a multiple of size^2 = {self.size**2} channels",
                received=f"{shape[-1]} channels, {shape}",
            )

    def forward(self, x: Any) -> Any:
        """(batch, height, width, channels) -> (batch, height', width', channels')."""
        s = self.size
        batch, height, width = (ops.shape(x)[axis] if x.shape[axis] is None else x.shape[axis] for axis in range(3))
        parts = ops.reshape(x, (batch, height, width, s, s, self.channels))
        between = ops.transpose(parts, (0, 1, 3, 2, 4, 5))  # (batch, height, s, width, s, channels')
        return ops.reshape(between, (batch, height * s, width * s, self.channels))
