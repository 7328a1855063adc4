"""Dropout: of elements, of whole channels, and the one that keeps mean and variance."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import fraction
from unidl.description.layer import Layer
from unidl.graph.spec import Shape

_SELU_LOWEST = -1.7580993408473766  # the limit of selu(x) at minus infinity: -scale * alpha


class Dropout(Layer):
    """In training, set a random part of the elements to 0 and scale the rest up, so that the mean stays.

        y = x * m / (1 - rate)        m: 1 with probability 1 - rate, else 0; in inference y = x

    Args:
        rate: The share of elements that are set to 0.
    Input: any shape
    Output: same shape and dtype
    Raises:
        ArgumentError: The rate is outside [0, 1).
    Example:
        >>> Dropout(0.5).output_shape((None, 8))
        (None, 8)
    Where the frameworks differ: each draws from its own generator, so the elements that are dropped differ.
    References: Srivastava et al. (2014), Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """

    def __init__(self, rate: float) -> None:
        self.rate = fraction(self, "rate", rate)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return ops.random.dropout(x, self.rate) if self.training else x


class _SpatialDropout(Layer):
    """What the three share: one draw for each channel of each example."""

    _axes = "(batch, ..., channels)"

    def __init__(self, rate: float) -> None:
        self.rate = fraction(self, "rate", rate)

    def setup(self, shape: Shape) -> None:
        """Check the number of axes."""
        rank = self._axes.count(",") + 1
        self.check_rank(shape, rank, self._axes, most=rank)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if not self.training or self.rate == 0:
            return x
        lengths = ops.shape(x)
        beside = (lengths[0], *(1,) * (len(x.shape) - 2), x.shape[-1] or lengths[-1])
        kept = ops.random.bernoulli(1.0 - self.rate, beside, like=x)  # (batch, 1, ..., channels)
        return ops.where(kept, x / (1.0 - self.rate), 0.0)


class SpatialDropout1D(_SpatialDropout):
    """In training, set whole channels to 0 and scale the rest up, so that the mean stays.

        y[b, ..., c] = x[b, ..., c] * m[b, c] / (1 - rate)        m: 1 with probability 1 - rate, else 0; in inference y = x

    Args:
        rate: The share of channels that are set to 0.
    Input: (batch, steps, channels)
    Output: same shape and dtype
    Raises:
        ArgumentError: The rate is outside [0, 1).
        ShapeError: The input has another number of axes.
    Example:
        >>> SpatialDropout1D(0.5).output_shape((None, 10, 8))
        (None, 10, 8)
    Where the frameworks differ: torch calls it `Dropout1d`.
    References: Tompson, Goroshin, Jain, LeCun, Bregler (2014), arXiv:1411.4280.
    """

    _axes = "(batch, steps, channels)"


class SpatialDropout2D(_SpatialDropout):
    """In training, set whole channels to 0 and scale the rest up, so that the mean stays.

        y[b, ..., c] = x[b, ..., c] * m[b, c] / (1 - rate)        m: 1 with probability 1 - rate, else 0; in inference y = x

    Args:
        rate: The share of channels that are set to 0.
    Input: (batch, height, width, channels)
    Output: same shape and dtype
    Raises:
        ArgumentError: The rate is outside [0, 1).
        ShapeError: The input has another number of axes.
    Example:
        >>> SpatialDropout2D(0.5).output_shape((None, 28, 28, 8))
        (None, 28, 28, 8)
    Where the frameworks differ: torch calls it `Dropout2d`.
    References: Tompson, Goroshin, Jain, LeCun, Bregler (2014), arXiv:1411.4280.
    """

    _axes = "(batch, height, width, channels)"


class SpatialDropout3D(_SpatialDropout):
    """In training, set whole channels to 0 and scale the rest up, so that the mean stays.

        y[b, ..., c] = x[b, ..., c] * m[b, c] / (1 - rate)        m: 1 with probability 1 - rate, else 0; in inference y = x

    Args:
        rate: The share of channels that are set to 0.
    Input: (batch, depth, height, width, channels)
    Output: same shape and dtype
    Raises:
        ArgumentError: The rate is outside [0, 1).
        ShapeError: The input has another number of axes.
    Example:
        >>> SpatialDropout3D(0.5).output_shape((None, 4, 28, 28, 8))
        (None, 4, 28, 28, 8)
    Where the frameworks differ: torch calls it `Dropout3d`.
    References: Tompson, Goroshin, Jain, LeCun, Bregler (2014), arXiv:1411.4280.
    """

    _axes = "(batch, depth, height, width, channels)"


class AlphaDropout(Layer):
    """Dropout for SELU networks: in training, dropped elements get SELU's lowest value, and mean and variance stay.

        y = a * (x where m, else alpha') + b        m with probability 1 - rate; in inference y = x
        alpha' = -1.7580993…, a = ((1 - rate) * (1 + rate * alpha'^2))^(-1/2), b = -a * alpha' * rate

    Args:
        rate: The share of elements that are dropped.
    Input: any shape
    Output: same shape and dtype
    Raises:
        ArgumentError: The rate is outside [0, 1).
    Example:
        >>> AlphaDropout(0.1).output_shape((None, 8))
        (None, 8)
    References: Klambauer et al. (2017), Self-Normalizing Neural Networks, arXiv:1706.02515.
    """

    def __init__(self, rate: float) -> None:
        self.rate = fraction(self, "rate", rate)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if not self.training or self.rate == 0:
            return x
        kept = ops.random.bernoulli(1.0 - self.rate, like=x)
        a = ((1.0 - self.rate) * (1.0 + self.rate * _SELU_LOWEST**2)) ** -0.5
        return ops.where(kept, x, _SELU_LOWEST) * a - a * _SELU_LOWEST * self.rate
