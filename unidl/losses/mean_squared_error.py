"""Mean squared error."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.errors import DataError
from unidl.graph.spec import TensorSpec, dtype_name
from unidl.losses.loss import Loss


class MSE(Loss, name="mse"):
    """Mean squared error.

        loss = mean((targets - predictions)^2)

    Input: targets and predictions of one shape (batch, ...)
    Output: scalar
    Raises:
        DataError: The shapes differ; nothing is broadcast.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.zeros((2, 1), "float32")
        >>> float(unidl.to_numpy(unidl.losses.MSE()(y, y + 3)))
        9.0
    Where the frameworks differ: torch broadcasts (batch,) against (batch, 1) to (batch, batch) with a warning; unidl refuses.
    """

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """The square of each difference."""
        return ops.square(ops.subtract(ops.cast(targets, dtype_name(predictions.dtype)), predictions))

    def __call__(self, targets: Any, predictions: Any) -> Any:
        """The mean, taken by the op itself."""
        return ops.mean_squared_error(predictions, ops.cast(targets, dtype_name(predictions.dtype)))

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Equal shapes."""
        if targets.shape[1:] != predictions.shape[1:] and None not in predictions.shape[1:]:
            raise DataError(
                "MSE: targets and predictions have different shapes.",
                expected=str(predictions.shape),
                received=str(targets.shape),
                fix="y[:, None] adds a last axis, y[..., 0] takes one away.",
            )
