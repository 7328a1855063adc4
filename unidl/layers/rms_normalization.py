"""RMS normalization and unit normalization: by the length of a vector, without its mean."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import axes, flag, number
from unidl.description.layer import Layer
from unidl.graph.spec import Shape
from unidl.layers.integers import as_float
from unidl.layers.layer_normalization import normalized_axes

_SHORTEST = 1e-12  # a vector that is shorter is divided by this


class RMSNormalization(Layer):
    """Divide each example by the root of its mean square over its last axis, or over several axes.

        y = gamma * x / sqrt(mean(x^2) + epsilon)        (the mean over `axis`)

    Args:
        axis: One axis or several, the batch axis not among them.
        epsilon: Added to the mean square, in the input's units squared.
        scale: Whether there is a scale `gamma`.
    Input: (batch, ..., units)
    Output: same shape and dtype
    Raises:
        ShapeError: There is no such axis, its length is unknown, or it is 0.
        ArgumentError: `axis` names the batch axis, or one axis twice.
    Example:
        >>> RMSNormalization().output_shape((None, 5, 8))
        (None, 5, 8)
    Where the frameworks differ: torch's default epsilon is the dtype's own (1.2e-7 in float32), Keras' 1e-6 as here.
    References: Zhang, Sennrich (2019), Root Mean Square Layer Normalization, arXiv:1910.07467.
    """

    def __init__(self, axis: int | tuple[int, ...] = -1, epsilon: float = 1e-6, scale: bool = True) -> None:
        self.axis = axes(self, "axis", axis)
        self.epsilon = number(self, "epsilon", epsilon, least=0)
        self.scale = flag(self, "scale", scale)

    def setup(self, shape: Shape) -> None:
        """gamma, of the shape of the normalised axes."""
        self.check_rank(shape, 2, "(batch, ..., units)")
        self.axes, lengths, self.beside = normalized_axes(self, shape, self.axis)
        if self.scale:
            self.add_weight("gamma", lengths, "ones")

    def forward(self, x: Any) -> Any:
        """(batch, ..., units) -> the same shape."""
        if self.scale:
            x = as_float(x, self.gamma)
        y = x * ops.rsqrt(ops.mean(ops.square(x), axis=self.axes, keepdims=True) + self.epsilon)
        return y * ops.reshape(self.gamma, self.beside) if self.scale else y


class UnitNormalization(Layer):
    """Divide each vector by its length, so that its length is 1.

        y = x / max(|x|, 1e-12)        (|x| the Euclidean norm over `axis`)

    Args:
        axis: One axis or several, the batch axis not among them.
    Input: (batch, ..., units)
    Output: same shape and dtype
    Raises:
        ShapeError: There is no such axis, its length is unknown, or it is 0.
        ArgumentError: `axis` names the batch axis, or one axis twice.
    Example:
        >>> UnitNormalization().output_shape((None, 8))
        (None, 8)
    Where the frameworks differ: TensorFlow's `l2_normalize` bounds the square of the length instead; torch's function `normalize` bounds the
    length, as here.
    """

    def __init__(self, axis: int | tuple[int, ...] = -1) -> None:
        self.axis = axes(self, "axis", axis)

    def setup(self, shape: Shape) -> None:
        """Check the axes."""
        self.check_rank(shape, 2, "(batch, ..., units)")
        self.axes, _, _ = normalized_axes(self, shape, self.axis)

    def forward(self, x: Any) -> Any:
        """(batch, ..., units) -> the same shape."""
        return x / ops.maximum(ops.norm(x, self.axes, keepdims=True), _SHORTEST)
