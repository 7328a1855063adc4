"""Mean squared error."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.arguments import one_of
from unidl.graph.spec import TensorSpec
from unidl.losses.loss import REDUCTIONS, Loss, float_dtype
from unidl.targets.shapes import alike


class MSE(Loss, name="mse"):
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

    of_positions = True

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = one_of(self, "reduction", reduction, REDUCTIONS)

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """The square of each difference."""
        return ops.square(ops.subtract(*self._together(targets, predictions)))

    def _mean(self, targets: Any, predictions: Any) -> Any:
        """The mean, taken by the op itself."""
        targets, predictions = self._together(targets, predictions)
        return ops.mean_squared_error(predictions, targets)

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Equal shapes."""
        alike("MSE", targets, predictions)

    def _each(self, targets: Any, predictions: Any) -> Any:
        return self.per_example(targets, predictions)

    def _together(self, targets: Any, predictions: Any) -> tuple[Any, Any]:
        """Both in the dtype of the loss, if their shapes are the same."""
        targets, predictions = alike("MSE", targets, predictions)
        dtype = float_dtype(predictions)
        return ops.cast(targets, dtype), ops.cast(predictions, dtype)
