"""Batch normalization: each channel by its mean and variance over the batch."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import flag, number
from unidl.description.layer import Layer
from unidl.graph.spec import Shape
from unidl.layers.integers import as_float


class BatchNormalization(Layer):
    """Normalise each channel over the batch and every other axis.

        y = scale * (x - mean) / sqrt(variance + epsilon) + offset

    In training, mean and (biased) variance are those of the batch, and the moving ones follow:
    moving = momentum * moving + (1 - momentum) * batch's, the variance with the divisor max(n - 1, 1). In inference the moving
    ones are used.

    Args:
        momentum: Weight of the old moving value.
        epsilon: Added to the variance, in the input's units squared.
        center: Whether there is an offset `beta`.
        scale: Whether there is a scale `gamma`.
    Input: (batch, ..., channels)
    Output: same shape and dtype
    Raises:
        ShapeError: The input has one axis, or the channel axis is unknown.
    Example:
        >>> BatchNormalization().output_shape((None, 14, 14, 32))
        (None, 14, 14, 32)
    Where the frameworks differ: torch's `momentum` is the weight of the new value; Keras' defaults are momentum 0.99 and epsilon
    1e-3, and its moving variance is the biased one; torch refuses a batch with one value for each channel.
    References: Ioffe, Szegedy (2015), arXiv:1502.03167.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, center: bool = True, scale: bool = True) -> None:
        self.momentum = number(self, "momentum", momentum, least=0, most=1)
        self.epsilon = number(self, "epsilon", epsilon, least=0)
        self.center = flag(self, "center", center)
        self.scale = flag(self, "scale", scale)

    def setup(self, shape: Shape) -> None:
        """gamma, beta, moving_mean and moving_variance, all (channels,)."""
        self.check_rank(shape, 2, "(batch, ..., channels)")
        channels = self.check_known(shape, -1, "channel")
        if self.scale:
            self.add_weight("gamma", (channels,), "ones")
        if self.center:
            self.add_weight("beta", (channels,), "zeros")
        self.add_weight("moving_mean", (channels,), "zeros", trainable=False)
        self.add_weight("moving_variance", (channels,), "ones", trainable=False)

    def forward(self, x: Any) -> Any:
        """Normalise; in training, move the moving mean and variance."""
        mean, variance = self.moving_mean, self.moving_variance
        x = as_float(x, mean)
        if self.training:
            axes = tuple(range(len(x.shape) - 1))
            mean = ops.mean(x, axis=axes)  # (channels,)
            variance = ops.mean(ops.square(x - mean), axis=axes)  # (channels,)
            count = ops.cast(ops.divide(ops.size(x), x.shape[-1]), x.dtype)  # values for each channel
            unbiased = ops.stop_gradient(variance) * count / ops.maximum(count - 1.0, 1.0)
            self.update("moving_mean", self._moved(self.moving_mean, ops.stop_gradient(mean)))
            self.update("moving_variance", self._moved(self.moving_variance, unbiased))
        y = (x - mean) * ops.rsqrt(variance + self.epsilon)
        if self.scale:
            y = y * self.gamma
        if self.center:
            y = y + self.beta
        return y

    def _moved(self, old: Any, new: Any) -> Any:
        return old * self.momentum + new * (1.0 - self.momentum)
