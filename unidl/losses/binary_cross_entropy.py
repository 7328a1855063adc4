"""Cross-entropy between yes and no."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.arguments import flag, fraction, one_of
from unidl.graph.spec import TensorSpec
from unidl.losses.loss import REDUCTIONS, Loss, float_dtype
from unidl.targets.distributions import check_unit
from unidl.targets.shapes import alike

TITLE = "Binary cross-entropy"


class BinaryCrossEntropy(Loss, name="binary_cross_entropy"):
    """Binary cross-entropy loss, for one yes or no in each output: several labels at once, or a single column.

        loss = -q * log sigmoid(predictions) - (1 - q) * log(1 - sigmoid(predictions))        q: the target, smoothed to (1 - s) * target + s / 2

    Args:
        from_logits: Whether predictions are logits, as they should be; False takes probabilities, clipped to [1e-7, 1 - 1e-7].
        label_smoothing: s, in [0, 1).
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...); targets are 0, 1, or probabilities in between, of any dtype
    Output: scalar, the mean over all positions
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A target in an array is below 0 or above 1.
    Example:
        >>> import numpy, unidl
        >>> loss = unidl.losses.BinaryCrossEntropy()
        >>> targets, logits = numpy.array([[1, 0]]), numpy.array([[2.0, 0.0]], "float32")
        >>> unidl.to_numpy(loss.per_example(targets, logits)).round(4)
        array([[0.1269, 0.6931]], dtype=float32)
    Where the frameworks differ: Keras reads probabilities by default; a probability of 0 beside a target of 1 is 16.1 in Keras and here,
    100 in torch.
    """

    probabilities = "sigmoid"
    of_positions = True

    def __init__(self, from_logits: bool = True, label_smoothing: float = 0.0, reduction: str = "mean") -> None:
        self.from_logits = flag(self, "from_logits", from_logits)
        self.label_smoothing = fraction(self, "label_smoothing", label_smoothing)
        self.reduction = one_of(self, "reduction", reduction, REDUCTIONS)
        self.reads_logits = self.from_logits

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), of the predictions' shape."""
        q, p = self._together(targets, predictions)
        if self.from_logits:
            return ops.sigmoid_cross_entropy(p, q)
        p = ops.clip(p, 1e-7, 1.0 - 1e-7)
        no = ops.multiply(ops.subtract(1.0, q), ops.log1p(ops.negative(p)))
        return ops.negative(ops.add(ops.multiply(q, ops.log(p)), no))

    def _mean(self, targets: Any, predictions: Any) -> Any:
        """The mean, taken by the op itself where one op says it all."""
        if not self.from_logits:
            return super()._mean(targets, predictions)
        q, p = self._together(targets, predictions)
        return ops.sigmoid_cross_entropy(p, q, mean=True)

    def class_indices(self, targets: Any) -> Any:
        """1 for yes, 0 for no."""
        return ops.cast(ops.greater(ops.cast(targets, "float32"), 0.5), "int64")

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Equal shapes, and targets from 0 to 1."""
        alike(TITLE, targets, predictions)
        check_unit(TITLE, targets)

    def _each(self, targets: Any, predictions: Any) -> Any:
        return self.per_example(targets, predictions)

    def _together(self, targets: Any, predictions: Any) -> tuple[Any, Any]:
        """Smoothed targets and predictions in the dtype of the loss, if they fit."""
        targets, predictions = alike(TITLE, targets, predictions)
        if isinstance(targets, np.ndarray):
            check_unit(TITLE, targets)
        dtype, s = float_dtype(predictions), self.label_smoothing
        q = ops.cast(targets, dtype)
        return ops.add(ops.multiply(q, 1.0 - s), s / 2) if s else q, ops.cast(predictions, dtype)
