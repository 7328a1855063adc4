"""Mean squared error."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.losses.loss import float_dtype
from unidl.losses.paired import Paired
from unidl.targets.shapes import alike


class MSE(Paired, name="mse"):
    """Mean squared error loss.

        loss = mean((targets - predictions)^2)

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...)
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.zeros((2, 1), "float32")
        >>> float(unidl.to_numpy(unidl.losses.MSE()(y, y + 3)))
        9.0
    Where the frameworks differ: torch broadcasts (batch,) against (batch, 1) to (batch, batch) with a warning; unidl raises an error.
    """

    title = "MSE"

    def values(self, targets: Any, predictions: Any) -> Any:
        """The square of each difference."""
        return ops.square(ops.subtract(targets, predictions))

    def _mean(self, targets: Any, predictions: Any) -> Any:
        """The mean, taken by the op itself."""
        targets, predictions = alike(self.title, targets, predictions)
        dtype = float_dtype(predictions)
        return ops.mean_squared_error(ops.cast(predictions, dtype), ops.cast(targets, dtype))
