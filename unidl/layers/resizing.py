"""Images made larger, without weights: UpSampling2D."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import integer, one_of, per_axis
from unidl.description.layer import Layer
from unidl.graph.spec import Shape
from unidl.layers.integers import with_float

MOST = 1024  # times as many pixels along an axis: a bilinear one is written out pixel by pixel


class UpSampling2D(Layer):
    """An image whose pixels are so many times as many along height and width.

        nearest:   y[b, i, j, c] = x[b, i // size, j // size, c]
        bilinear:  y[b, i, j, c] = x at the place ((i + 1/2) / size - 1/2, (j + 1/2) / size - 1/2), between its four neighbours;
                   beyond the border the border's pixels

    Args:
        size: How many times as many rows and columns.
        interpolation: "nearest" or "bilinear".
    Input: (batch, height, width, channels)
    Output: (batch, height * size, width * size, channels), same dtype
    Raises:
        ShapeError: The input has other than four axes.
    Example:
        >>> UpSampling2D(2).output_shape((None, 7, 7, 16))
        (None, 14, 14, 16)
    Where the frameworks differ: pixels are squares with their centre at one half, as in Keras and with torch's
    `align_corners=False`.
    """

    def __init__(self, size: int | tuple[int, int] = 2, interpolation: str = "nearest") -> None:
        self.size = per_axis(self, "size", size, 2)
        self.size = tuple([integer(self, "size", times, 1, MOST) for times in self.size])
        self.interpolation = one_of(self, "interpolation", interpolation, ("nearest", "bilinear"))

    def setup(self, shape: Shape) -> None:
        """Check that there are two spatial axes."""
        self.check_rank(shape, 4, "(batch, height, width, channels)", most=4)

    def forward(self, x: Any) -> Any:
        """First the rows, then the columns."""
        if self.interpolation == "bilinear":
            (x,) = with_float([x])
        for axis, times in zip((1, 2), self.size, strict=True):
            if times > 1:
                x = ops.repeat(x, times, axis) if self.interpolation == "nearest" else _between(x, axis, times)
        return x


def _between(x: Any, axis: int, times: int) -> Any:
    """Along one axis, `times` values for each: value u of a pixel lies (u + 1/2) / times - 1/2 pixels from its centre."""
    front, back = (slice(None),) * axis + (slice(None, 1),), (slice(None),) * axis + (slice(-1, None),)
    before = ops.concatenate([x[front], x[(slice(None),) * axis + (slice(None, -1),)]], axis)
    after = ops.concatenate([x[(slice(None),) * axis + (slice(1, None),)], x[back]], axis)
    values = []
    for u in range(times):
        place = (u + 0.5) / times - 0.5  # from -1/2 to 1/2
        neighbour = before if place < 0 else after
        values.append(x * (1.0 - abs(place)) + neighbour * abs(place))
    lengths = [ops.shape(x)[i] for i in range(4)]
    lengths[axis] = lengths[axis] * times
    return ops.reshape(ops.stack(values, axis + 1), tuple(lengths))
