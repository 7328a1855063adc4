"""Losses of how far numbers are from one another: absolute, relative, logarithmic, robust."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unidl import ops
from unidl.arguments import flag, number
from unidl.errors import DataError
from unidl.losses.paired import SMALLEST, Paired


class MAE(Paired, name="mae"):
    """Mean absolute error loss.

        loss = mean(|targets - predictions|)

    Its gradient is 0 where both are equal.

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...)
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.zeros((2, 1), "float32")
        >>> float(unidl.to_numpy(unidl.losses.MAE()(y, y - 3)))
        3.0
    Where the frameworks differ: torch's L1Loss broadcasts with a warning; unidl raises an error.
    """

    title = "MAE"

    def values(self, targets: Any, predictions: Any) -> Any:
        """The size of each difference."""
        return ops.abs(ops.subtract(targets, predictions))


class MAPE(Paired, name="mape"):
    """Mean absolute percentage error loss.

        loss = mean(100 * |targets - predictions| / max(|targets|, 1e-7))

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...)
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.full((2, 1), 4.0, "float32")
        >>> float(unidl.to_numpy(unidl.losses.MAPE()(y, y + 1)))
        25.0
    Where the frameworks differ: torch has none; torchmetrics' has no factor of 100 and divides by at least 1.17e-6.
    """

    title = "MAPE"

    def values(self, targets: Any, predictions: Any) -> Any:
        """Each difference as a percentage of the target."""
        difference = ops.abs(ops.subtract(targets, predictions))
        return ops.multiply(ops.divide(difference, ops.maximum(ops.abs(targets), SMALLEST)), 100.0)


class MSLE(Paired, name="msle"):
    """Mean squared logarithmic error loss.

        loss = mean((log(1 + max(targets, 1e-7)) - log(1 + max(predictions, 1e-7)))^2)

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...), of numbers from 0 up; what is below counts as 1e-7
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.zeros((2, 1), "float32")
        >>> round(float(unidl.to_numpy(unidl.losses.MSLE()(y, y + 1))), 4)
        0.4805
    Where the frameworks differ: torch has none.
    """

    title = "MSLE"

    def values(self, targets: Any, predictions: Any) -> Any:
        """The square of each difference of logarithms."""
        t, p = ops.maximum(targets, SMALLEST), ops.maximum(predictions, SMALLEST)
        return ops.square(ops.subtract(ops.log1p(t), ops.log1p(p)))


class Huber(Paired, name="huber"):
    """Huber loss: squared near the target, linear beyond.

        d = |targets - predictions|
        loss = mean(d^2 / 2  if d <= delta  else  delta * (d - delta / 2))

    Args:
        delta: Where the line begins.
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...)
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.zeros((2, 1), "float32")
        >>> float(unidl.to_numpy(unidl.losses.Huber()(y, y + 3)))
        2.5
    Where the frameworks differ: torch's SmoothL1Loss(beta) is Huber(beta) / beta; at 1 they are one.
    References: Huber (1964), doi:10.1214/aoms/1177703732.
    """

    title = "Huber"

    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.delta = number(self, "delta", delta, above=0)

    def values(self, targets: Any, predictions: Any) -> Any:
        """Of each difference."""
        d, delta = ops.abs(ops.subtract(targets, predictions)), self.delta
        near = ops.minimum(d, delta)  # the square of what lies beyond would overflow
        return ops.where(
            ops.less_equal(d, delta),
            ops.multiply(ops.square(near), 0.5),
            ops.multiply(ops.subtract(d, 0.5 * delta), delta),
        )


class LogCosh(Paired, name="log_cosh"):
    """Logarithm of the hyperbolic cosine of the error: about squared near the target, about linear far from it.

        loss = mean(log(cosh(predictions - targets)))

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...)
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.zeros((2, 1), "float32")
        >>> round(float(unidl.to_numpy(unidl.losses.LogCosh()(y, y + 1))), 4)
        0.4338
    Where the frameworks differ: torch has none.
    """

    title = "LogCosh"

    def values(self, targets: Any, predictions: Any) -> Any:
        """Of each difference, as x + log(1 + exp(-2 x)) - log 2, which does not overflow."""
        x = ops.subtract(predictions, targets)
        return ops.subtract(ops.add(x, ops.softplus(ops.multiply(x, -2.0))), math.log(2.0))


class Poisson(Paired):
    """Poisson loss: the negative log-likelihood of counts, but for a term of the targets alone.

        loss = mean(exp(predictions) - targets * predictions)                   log_input=True
        loss = mean(predictions - targets * log(predictions + 1e-7))            log_input=False

    Args:
        log_input: Whether predictions are logarithms of rates, any numbers; False takes rates, which are above 0.
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...); targets are counts from 0 up
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A target in an array is negative.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.ones((2, 1), "float32")
        >>> round(float(unidl.to_numpy(unidl.losses.Poisson()(y, y - 1))), 4)
        1.0
    Where the frameworks differ: Keras reads rates and torch's PoissonNLLLoss logarithms, with 1e-8 where it is to read rates.
    """

    title = "Poisson"

    def __init__(self, log_input: bool = True, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.log_input = flag(self, "log_input", log_input)

    def values(self, targets: Any, predictions: Any) -> Any:
        """Of each count."""
        if self.log_input:
            return ops.subtract(ops.exp(predictions), ops.multiply(targets, predictions))
        return ops.subtract(predictions, ops.multiply(targets, ops.log(ops.add(predictions, SMALLEST))))

    def check_values(self, targets: np.ndarray) -> None:
        """Counts from 0 up."""
        if targets.dtype.kind in "iuf" and targets.size and not (targets.min() >= 0):
            where = tuple(int(i) for i in np.unravel_index(int(np.argmin(targets >= 0)), targets.shape))
            raise DataError(
                "Poisson: a target is no count.",
                expected="numbers from 0 up",
                received=f"{targets[where]}, of example {where[0]}",
            )
