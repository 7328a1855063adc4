"""Layer normalization: each example by its own mean and variance."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import axes, flag, number
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, ShapeError
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import Shape
from unidl.layers.integers import as_float


class LayerNormalization(Layer):
    """Normalise each example over its last axis, or over several axes.

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta        (mean and biased variance over `axis`)

    Args:
        axis: One axis or several, the batch axis not among them.
        epsilon: Added to the variance, in the input's units squared.
        center: Whether there is an offset `beta`.
        scale: Whether there is a scale `gamma`.
    Input: (batch, ..., units)
    Output: same shape and dtype
    Raises:
        ShapeError: There is no such axis, its length is unknown, or it is 0.
        ArgumentError: `axis` names the batch axis, or one axis twice.
    Example:
        >>> LayerNormalization().output_shape((None, 5, 8))
        (None, 5, 8)
    Where the frameworks differ: Keras' own default epsilon is 1e-3; torch normalises trailing axes only.
    References: Ba, Kiros, Hinton (2016), arXiv:1607.06450.
    """

    def __init__(
        self, axis: int | tuple[int, ...] = -1, epsilon: float = 1e-5, center: bool = True, scale: bool = True
    ) -> None:
        self.axis = axes(self, "axis", axis)
        self.epsilon = number(self, "epsilon", epsilon, least=0)
        self.center = flag(self, "center", center)
        self.scale = flag(self, "scale", scale)

    def setup(self, shape: Shape) -> None:
        """gamma and beta, of the shape of the normalised axes."""
        self.check_rank(shape, 2, "(batch, ..., units)")
        self.axes, lengths, self.beside = normalized_axes(self, shape, self.axis)
        if self.scale:
            self.add_weight("gamma", lengths, "ones")
        if self.center:
            self.add_weight("beta", lengths, "zeros")

    def forward(self, x: Any) -> Any:
        """(batch, ..., units) -> the same shape."""
        if self.scale or self.center:
            x = as_float(x, self.gamma if self.scale else self.beta)
        y = standardized(x, self.axes, self.epsilon)
        if self.scale:
            y = y * ops.reshape(self.gamma, self.beside)
        if self.center:
            y = y + ops.reshape(self.beta, self.beside)
        return y


def normalized_axes(
    layer: Layer, shape: Shape, axis: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int | None, ...]]:
    """(the axes in order, their lengths, the shape in which a weight of these lengths meets the input).

    Raises:
        ShapeError: There is no such axis, its length is unknown, or it is 0.
        ArgumentError: The batch axis is among them, or one axis twice.
    """
    name = type(layer).__name__
    found = tuple(sorted(canonical_axis(one, len(shape)) for one in axis))
    if found[0] == 0 or len(set(found)) < len(found):
        raise ArgumentError(
            f"{name} normalises each example by itself, over different axes.",
            expected=f"axes from 1 to {len(shape) - 1}, or -1 for the last",
            received=repr(axis),
        )
    lengths = tuple(layer.check_known(shape, one, "normalised") for one in found)
    if 0 in lengths:
        raise ShapeError(f"{name} cannot normalise over no element.", received=str(shape))
    return found, lengths, tuple(length if one in found else 1 for one, length in enumerate(shape))


def standardized(x: Any, axes: tuple[int, ...], epsilon: float) -> Any:
    """(x - mean) / sqrt(variance + epsilon), mean and biased variance over the axes."""
    mean = ops.mean(x, axis=axes, keepdims=True)  # (batch, ..., 1)
    centred = ops.subtract(x, mean)
    variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)  # (batch, ..., 1)
    return centred * ops.rsqrt(variance + epsilon)
