"""Group normalization and instance normalization: each example, by groups of its channels."""

from __future__ import annotations

import math
from typing import Any

from unidl import ops
from unidl.arguments import flag, number, positive
from unidl.description.layer import Layer
from unidl.errors import ShapeError
from unidl.graph.spec import Shape
from unidl.layers.integers import as_float
from unidl.layers.layer_normalization import standardized


class _ByChannel(Layer):
    """What both share: a scale and an offset for each channel."""

    def __init__(self, epsilon: float, center: bool, scale: bool) -> None:
        self.epsilon = number(self, "epsilon", epsilon, least=0)
        self.center = flag(self, "center", center)
        self.scale = flag(self, "scale", scale)

    def add_channel_weights(self, shape: Shape) -> int:
        """gamma and beta; returns the number of channels."""
        channels = self.check_known(shape, -1, "channels")
        if self.scale:
            self.add_weight("gamma", (channels,), "ones")
        if self.center:
            self.add_weight("beta", (channels,), "zeros")
        return channels

    def as_input(self, x: Any) -> Any:
        """Integers in the weights' dtype."""
        return as_float(x, self.gamma if self.scale else self.beta) if self.scale or self.center else x

    def scaled(self, y: Any) -> Any:
        """gamma * y + beta."""
        y = y * self.gamma if self.scale else y
        return y + self.beta if self.center else y


class GroupNormalization(_ByChannel):
    """Normalise each example by groups of its channels, over all positions.

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta
        mean and biased variance over the positions and the channels of a group; gamma, beta for each channel

    Args:
        groups: Into how many groups of neighbours the channels fall.
        epsilon: Added to the variance, in the input's units squared.
        center: Whether there is an offset `beta`.
        scale: Whether there is a scale `gamma`.
    Input: (batch, ..., channels)
    Output: same shape and dtype
    Raises:
        ShapeError: The number of channels is unknown, or no multiple of `groups`.
    Example:
        >>> GroupNormalization(4).output_shape((None, 28, 28, 8))
        (None, 28, 28, 8)
    Where the frameworks differ: Keras' own default epsilon is 1e-3, torch's 1e-5 as here; torch has no default for groups.
    References: Wu, He (2018), Group Normalization, arXiv:1803.08494.
    """

    def __init__(self, groups: int = 32, epsilon: float = 1e-5, center: bool = True, scale: bool = True) -> None:
        super().__init__(epsilon, center, scale)
        self.groups = positive(self, "groups", groups)

    def setup(self, shape: Shape) -> None:
        """gamma and beta, one number for each channel."""
        self.check_rank(shape, 2, "(batch, ..., channels)")
        self.size, rest = divmod(self.add_channel_weights(shape), self.groups)
        if rest or not self.size:
            raise ShapeError(
                f"GroupNormalization cannot divide the channels into {self.groups} equal groups.",
                expected=f"a multiple of groups={self.groups} channels",
                received=f"{shape[-1]} channels, {shape}",
            )

    def forward(self, x: Any) -> Any:
        """(batch, ..., channels) -> the same shape."""
        x = self.as_input(x)
        lengths = ops.shape(x)
        whole = tuple(lengths[axis] if length is None else length for axis, length in enumerate(x.shape))
        between = x.shape[1:-1]
        positions = -1 if None in between else math.prod(between)
        grouped = ops.reshape(x, (whole[0], positions, self.groups, self.size))
        return self.scaled(ops.reshape(standardized(grouped, (1, 3), self.epsilon), whole))


class InstanceNormalization(_ByChannel):
    """Normalise each channel of each example over all positions.

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta        (mean and biased variance over the positions)

    Args:
        epsilon: Added to the variance, in the input's units squared.
        center: Whether there is an offset `beta`.
        scale: Whether there is a scale `gamma`.
    Input: (batch, ..., channels), with at least one axis of positions
    Output: same shape and dtype
    Raises:
        ShapeError: There is no axis of positions, or the number of channels is unknown.
    Example:
        >>> InstanceNormalization().output_shape((None, 28, 28, 8))
        (None, 28, 28, 8)
    Where the frameworks differ: torch's `InstanceNorm2d` has neither scale nor offset unless `affine=True`; in Keras it is
    `GroupNormalization(groups=-1)`, with both.
    References: Ulyanov, Vedaldi, Lempitsky (2016), Instance Normalization, arXiv:1607.08022.
    """

    def __init__(self, epsilon: float = 1e-5, center: bool = True, scale: bool = True) -> None:
        super().__init__(epsilon, center, scale)

    def setup(self, shape: Shape) -> None:
        """gamma and beta, one number for each channel."""
        self.check_rank(shape, 3, "(batch, ..., channels)")
        self.add_channel_weights(shape)

    def forward(self, x: Any) -> Any:
        """(batch, ..., channels) -> the same shape."""
        x = self.as_input(x)
        return self.scaled(standardized(x, tuple(range(1, len(x.shape) - 1)), self.epsilon))
