"""Hinge losses: a margin between the right side and the wrong one."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.arguments import one_of
from unidl.errors import DataError
from unidl.graph.spec import TensorSpec, dtype_name, is_float
from unidl.losses.loss import REDUCTIONS, Loss, float_dtype
from unidl.losses.paired import Paired
from unidl.targets import distributions, labels
from unidl.targets.shapes import with_classes


class Hinge(Paired, name="hinge"):
    """Hinge loss, of support vector machines.

        loss = mean(max(0, 1 - s * predictions))        s: 1 where the target is 1, -1 where it is 0 or -1

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...); targets are 0 and 1, or -1 and 1
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A target in an array is none of -1, 0, 1.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.array([[0], [1]])
        >>> float(unidl.to_numpy(unidl.losses.Hinge()(y, numpy.array([[-0.5], [2.0]], "float32"))))
        0.25
    Where the frameworks differ: Keras makes -1 of 0 only in a batch without -1. torch's SoftMarginLoss and MultiMarginLoss are others.
    """

    title = "Hinge"

    def values(self, targets: Any, predictions: Any) -> Any:
        """What is missing to the margin at each position."""
        signed = ops.where(ops.greater(targets, 0.0), predictions, ops.negative(predictions))
        return ops.relu(ops.subtract(1.0, signed))

    def check_values(self, targets: np.ndarray) -> None:
        """-1, 0 and 1."""
        if targets.dtype.kind == "b" or not targets.size:
            return
        right = (targets == 0) | (targets == 1) | (targets == -1)
        if not right.all():
            where = tuple(int(i) for i in np.unravel_index(int(np.argmin(right)), right.shape))
            raise DataError(
                f"{self.title}: a target is neither yes nor no.",
                expected="0 or -1 for no, 1 for yes",
                received=f"{targets[where]}, of example {where[0]}",
                fix="Integer labels of several classes are for losses.CategoricalHinge.",
            )

    def class_indices(self, targets: Any) -> Any:
        """1 for yes, 0 for no."""
        return ops.cast(ops.greater(ops.cast(targets, "float32"), 0.0), "int64")


class SquaredHinge(Hinge, name="squared_hinge"):
    """Squared hinge loss.

        loss = mean(max(0, 1 - s * predictions)^2)        s: 1 where the target is 1, -1 where it is 0 or -1

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...); targets are 0 and 1, or -1 and 1
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A target in an array is none of -1, 0, 1.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.array([[0], [1]])
        >>> float(unidl.to_numpy(unidl.losses.SquaredHinge()(y, numpy.array([[0.0], [0.0]], "float32"))))
        1.0
    Where the frameworks differ: Keras makes -1 of 0 only in a batch without -1.
    """

    title = "SquaredHinge"

    def values(self, targets: Any, predictions: Any) -> Any:
        """The square of what is missing to the margin."""
        return ops.square(super().values(targets, predictions))


class CategoricalHinge(Loss, name="categorical_hinge"):
    """Hinge loss between classes.

        loss = max(0, 1 + max_c((1 - q_c) * predictions_c) - sum_c q_c * predictions_c)        q: the target, one-hot

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets (batch, ...) of integers or (batch, ..., classes) of floats; predictions (batch, ..., classes)
    Output: scalar
    Raises:
        ShapeError: The shapes do not fit, or there is one class only.
        DataError: A label in an array is outside [0, classes).
    Example:
        >>> import numpy, unidl
        >>> loss = unidl.losses.CategoricalHinge()
        >>> float(unidl.to_numpy(loss(numpy.array([0]), numpy.array([[2.0, 1.5]], "float32"))))
        0.5
    Where the frameworks differ: Keras takes one-hot targets alone; torch's MultiMarginLoss adds the margins of all classes.
    """

    of_classes = True
    of_positions = True

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = one_of(self, "reduction", reduction, REDUCTIONS)

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), without the class axis."""
        targets, predictions = self._fitting(targets, predictions)
        predictions = ops.cast(predictions, float_dtype(predictions))
        dtype = dtype_name(predictions.dtype)
        if is_float(dtype_name(targets.dtype)):
            q = ops.cast(targets, dtype)
        else:
            q = ops.one_hot(targets, predictions.shape[-1], dtype=dtype)
        right = ops.sum(ops.multiply(q, predictions), axis=-1)
        wrong = ops.max(ops.multiply(ops.subtract(1.0, q), predictions), axis=-1)
        return ops.relu(ops.add(ops.subtract(wrong, right), 1.0))

    def class_indices(self, targets: Any) -> Any:
        """The labels; of one-hot targets the class."""
        return ops.argmax(targets, axis=-1) if is_float(dtype_name(targets.dtype)) else ops.cast(targets, "int64")

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Labels that are classes, or rows that are probabilities of them; shapes that fit."""
        self._fitting(targets, predictions)

    def _each(self, targets: Any, predictions: Any) -> Any:
        return self.per_example(targets, predictions)

    def _fitting(self, targets: Any, predictions: Any) -> tuple[Any, Any]:
        title, instead = "CategoricalHinge", "use losses.Hinge()"
        targets, predictions, classes = with_classes(title, targets, predictions, instead)
        if isinstance(targets, np.ndarray):
            if is_float(dtype_name(targets.dtype)):
                distributions.check_sums(title, targets, instead)
            else:
                labels.check(title, targets, classes, None)
        return targets, predictions
