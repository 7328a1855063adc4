"""PReLU: a slope for negative values that is learned."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import axes, optional
from unidl.description.layer import Layer
from unidl.errors import ArgumentError
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import Shape
from unidl.initializers.initializer import checked_initializer
from unidl.layers.integers import as_float


class PReLU(Layer):
    """ReLU with a learned slope for negative values.

        y = x where x > 0, else alpha * x        its gradient at 0 is alpha

    Args:
        alpha_initializer: Of the slopes.
        shared_axes: Axes along which a slope is shared, the batch axis not among them: (1, 2) gives images one slope a channel.
            None: each element has its own.
    Input: (batch, ...)
    Output: same shape and dtype
    Raises:
        ShapeError: There is no such axis, or the length of an axis that is not shared is unknown.
        ArgumentError: `shared_axes` names the batch axis, or one axis twice.
    Example:
        >>> PReLU(shared_axes=(1, 2)).output_shape((None, 28, 28, 8))
        (None, 28, 28, 8)
    Where the frameworks differ: Keras has a slope for each element, 0 at first, as here; torch one for all or for each channel, 0.25
    at first, which is `alpha_initializer=initializers.Constant(0.25)` with the other axes shared.
    References: He, Zhang, Ren, Sun (2015), arXiv:1502.01852.
    """

    def __init__(self, alpha_initializer: Any = "zeros", shared_axes: int | tuple[int, ...] | None = None) -> None:
        self.alpha_initializer = checked_initializer(self, "alpha_initializer", alpha_initializer)
        self.shared_axes = optional(axes, self, "shared_axes", shared_axes)

    def setup(self, shape: Shape) -> None:
        """alpha, of the input's shape without the batch axis, 1 where it is shared."""
        self.check_rank(shape, 2, "(batch, ...)")
        shared = [canonical_axis(axis, len(shape)) for axis in self.shared_axes or ()]
        if 0 in shared or len(set(shared)) < len(shared):
            raise ArgumentError(
                "PReLU shares slopes along different axes of each example.",
                expected=f"axes from 1 to {len(shape) - 1}, or -1 for the last",
                received=repr(self.shared_axes),
            )
        lengths = [1 if axis in shared else self.check_known(shape, axis, "own") for axis in range(1, len(shape))]
        self.add_weight("alpha", tuple(lengths), self.alpha_initializer)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        x = as_float(x, self.alpha)
        return ops.where(ops.greater(x, 0), x, x * self.alpha)
