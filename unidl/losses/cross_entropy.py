"""Cross-entropy between classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.arguments import flag, fraction, integer, one_of, optional
from unidl.errors import ArgumentError
from unidl.graph.spec import TensorSpec, dtype_name, is_float
from unidl.losses.loss import REDUCTIONS, Loss, float_dtype
from unidl.targets import distributions, labels
from unidl.targets.shapes import with_classes

TITLE = "Cross-entropy"
ONE_COLUMN = "use losses.BinaryCrossEntropy() (after a sigmoid with from_logits=False)"


class CrossEntropy(Loss, name="cross_entropy"):
    """Softmax cross-entropy loss.

        loss = -sum_c q_c * log softmax(predictions)_c        q: the target, smoothed to (1 - s) * target + s / classes

    Targets are integer labels (without the class axis) or probabilities (floats, with it).

    Args:
        from_logits: Whether predictions are logits, as they should be; False takes probabilities, clipped to [1e-7, 1].
        label_smoothing: s, in [0, 1).
        ignore_index: An integer label to leave out: its positions count neither in the sum nor in the number that it is divided by.
            None leaves out no label.
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets (batch, ...) of integers or (batch, ..., classes) of floats; predictions (batch, ..., classes)
    Output: scalar, the mean over the positions that count; 0 where none does
    Raises:
        ShapeError: The shapes do not fit, or there is one class only.
        DataError: A label is outside [0, classes). On an accelerator, inside a step, the loss is NaN instead: to look at labels there
            would wait for the device. A Trainer looks at those in arrays and streams before they get there.
    Example:
        >>> import numpy, unidl
        >>> loss = unidl.losses.CrossEntropy()
        >>> round(float(unidl.to_numpy(loss(numpy.array([0]), numpy.array([[2.0, 0.0]], "float32")))), 4)
        0.1269
    Where the frameworks differ: Keras reads probabilities by default and has two classes for the two kinds of targets; torch has the
    class axis second, and leaves out the label -100 by default; where every label is left out, torch returns NaN. With class weights
    torch divides by their sum (reduction="weighted_mean"), Keras by the number of examples.
    """

    probabilities = "softmax"
    of_classes = True
    of_positions = True

    def __init__(
        self,
        from_logits: bool = True,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        self.from_logits = flag(self, "from_logits", from_logits)
        self.label_smoothing = fraction(self, "label_smoothing", label_smoothing)
        self.ignore_index = optional(integer, self, "ignore_index", ignore_index)
        self.reduction = one_of(self, "reduction", reduction, REDUCTIONS)
        self.reads_logits = self.from_logits

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), without the class axis."""
        targets, predictions, integers = self._fitting(targets, predictions)
        if self.from_logits and integers and not self.label_smoothing:
            return ops.softmax_cross_entropy(predictions, targets, ignore_index=self.ignore_index)
        log_p = self._log_probabilities(predictions)
        s = self.label_smoothing
        if integers:
            loss = ops.multiply(ops.negative_log_likelihood(log_p, targets, ignore_index=self.ignore_index), 1.0 - s)
        else:
            q = ops.cast(targets, dtype_name(log_p.dtype))
            loss = ops.multiply(ops.sum(ops.multiply(q, log_p), axis=-1), s - 1.0)
        if not s:
            return loss
        spread, mask = ops.multiply(ops.mean(log_p, axis=-1), -s), self.mask(targets)
        return ops.add(loss, spread if mask is None else ops.where(mask, spread, 0.0))

    def _log_probabilities(self, predictions: Any) -> Any:
        """(batch, ..., classes), in the dtype of the loss."""
        predictions = ops.cast(predictions, float_dtype(predictions))
        if self.from_logits:
            return ops.log_softmax(predictions, axis=-1)
        return ops.log(ops.clip(predictions, 1e-7, 1.0))

    def mask(self, targets: Any) -> Any:
        """(batch, ...), False where the label is the one to leave out."""
        if self.ignore_index is None:
            return None
        return ops.not_equal(ops.cast(targets, "int64"), self.ignore_index)  # -1 would be 255 in uint8

    def _mean(self, targets: Any, predictions: Any) -> Any:
        """The mean, taken by the op itself where one op says it all."""
        if self.from_logits and not self.label_smoothing and not is_float(dtype_name(targets.dtype)):
            targets, predictions, _ = self._fitting(targets, predictions)
            return ops.softmax_cross_entropy(predictions, targets, mean=True, ignore_index=self.ignore_index)
        return super()._mean(targets, predictions)

    def class_indices(self, targets: Any) -> Any:
        """The labels; of probabilities the most probable class."""
        return ops.argmax(targets, axis=-1) if is_float(dtype_name(targets.dtype)) else ops.cast(targets, "int64")

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Labels that are classes, or rows that are probabilities of them; shapes that fit."""
        self._fitting(targets, predictions)

    def _each(self, targets: Any, predictions: Any) -> Any:
        return self.per_example(targets, predictions)

    def _fitting(self, targets: Any, predictions: Any) -> tuple[Any, Any, bool]:
        """Both, and whether targets are integer labels; refuses what does not fit, and in arrays what is no target."""
        targets, predictions, classes = with_classes(TITLE, targets, predictions, ONE_COLUMN)
        integers = not is_float(dtype_name(targets.dtype))
        if not integers and self.ignore_index is not None:
            raise ArgumentError(
                "ignore_index= leaves out an integer label, and these targets are probabilities.",
                expected="targets (batch, ...) of integers",
                received=f"{dtype_name(targets.dtype)} of shape {tuple(targets.shape)}",
            )
        if isinstance(targets, np.ndarray):
            if integers:
                labels.check(TITLE, targets, classes, self.ignore_index)
            else:
                distributions.check_sums(TITLE, targets, ONE_COLUMN)
        return targets, predictions, integers
