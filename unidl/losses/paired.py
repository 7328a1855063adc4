"""Losses between targets and predictions of one shape."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from unidl import ops
from unidl.arguments import flag, one_of
from unidl.errors import ArgumentError
from unidl.graph.spec import TensorSpec
from unidl.losses.loss import REDUCTIONS, Loss, float_dtype
from unidl.targets import distributions
from unidl.targets.shapes import alike

SMALLEST, LARGEST = 1e-7, 1.0 - 1e-7  # probabilities are clipped to this range


class Paired(Loss):
    """Base class of losses between targets and predictions of one shape, which are refused where the shapes differ.

    A subclass defines `values`, of targets and predictions in the dtype of the loss.
    """

    title: ClassVar[str] = ""  # what messages call it
    of_positions = True

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = one_of(self, "reduction", reduction, REDUCTIONS)

    def values(self, targets: Any, predictions: Any) -> Any:
        """The loss of each position, (batch, ...)."""
        raise ArgumentError(
            f"{type(self).__name__} has no values(targets, predictions).", fix="Define it on the class."
        )

    def check_values(self, targets: np.ndarray) -> None:
        """Refuse arrays of targets for which the loss means nothing."""

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...)."""
        targets, predictions = alike(self._title(), targets, predictions)
        if isinstance(targets, np.ndarray):
            self.check_values(targets)
        dtype = float_dtype(predictions)
        return self.values(ops.cast(targets, dtype), ops.cast(predictions, dtype))

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Equal shapes, and targets for which the loss means something."""
        alike(self._title(), targets, predictions)
        self.check_values(targets)

    def _each(self, targets: Any, predictions: Any) -> Any:
        return self.per_example(targets, predictions)

    def _title(self) -> str:
        return self.title or super()._title()


class OfAnswers(Paired):
    """Base class of those whose targets are yes or no, and whose predictions are logits, or probabilities with from_logits=False."""

    probabilities = "sigmoid"

    def __init__(self, from_logits: bool = True, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.from_logits = flag(self, "from_logits", from_logits)
        self.reads_logits = self.from_logits

    def check_values(self, targets: np.ndarray) -> None:
        """Numbers from 0 to 1."""
        distributions.check_unit(self._title(), targets)

    def class_indices(self, targets: Any) -> Any:
        """1 for yes, 0 for no."""
        return ops.cast(ops.greater(ops.cast(targets, "float32"), 0.5), "int64")
