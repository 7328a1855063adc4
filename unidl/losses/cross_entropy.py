"""Cross entropy between classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.errors import ArgumentError, DataError
from unidl.graph.spec import TensorSpec, dtype_name, is_float
from unidl.losses.loss import Loss


class CrossEntropy(Loss, name="cross_entropy"):
    """How surprised a distribution over classes is by the true class.

        loss = -sum_c q_c * log softmax(predictions)_c        q: the target, smoothed to (1 - s) * target + s / classes

    Targets are class numbers (integers, without the class axis) or probabilities (floats, with it).

    Args:
        from_logits: Whether predictions are logits, as they should be; False takes probabilities, clipped to [1e-7, 1].
        label_smoothing: s, in [0, 1).
    Input: targets (batch, ...) of integers or (batch, ..., classes) of floats; predictions (batch, ..., classes)
    Output: scalar, the mean over the batch and all places
    Raises:
        DataError: A class number is outside [0, classes), or the shapes do not fit.
    Example:
        >>> import numpy, unidl
        >>> loss = unidl.losses.CrossEntropy()
        >>> round(float(unidl.to_numpy(loss(numpy.array([0]), numpy.array([[2.0, 0.0]], "float32")))), 4)
        0.1269
    Where the frameworks differ: Keras reads probabilities unless told otherwise and has two classes for the two kinds of targets;
    torch has the class axis second.
    """

    def __init__(self, from_logits: bool = True, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ArgumentError("label_smoothing is a number from 0 to below 1.", received=repr(label_smoothing))
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.reads_logits = from_logits

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), without the class axis."""
        if self._is_one_op(targets):
            return ops.softmax_cross_entropy(predictions, targets)
        smoothing = self.label_smoothing
        classes = not is_float(dtype_name(targets.dtype))
        if self.from_logits:
            log_p = ops.log_softmax(predictions, axis=-1)  # (batch, ..., classes)
        else:
            log_p = ops.log(ops.clip(predictions, 1e-7, 1.0))
        if classes:
            picked = ops.take_along_axis(log_p, ops.expand_dims(ops.cast(targets, "int64"), -1), axis=-1)
            loss = -ops.squeeze(picked, axis=-1) * (1.0 - smoothing)
        else:
            loss = -ops.sum(targets * log_p, axis=-1) * (1.0 - smoothing)
        return loss - ops.mean(log_p, axis=-1) * smoothing if smoothing else loss

    def __call__(self, targets: Any, predictions: Any) -> Any:
        """The mean, taken by the op itself where one op says it all."""
        if self._is_one_op(targets):
            return ops.softmax_cross_entropy(predictions, targets, mean=True)
        return super().__call__(targets, predictions)

    def _is_one_op(self, targets: Any) -> bool:
        return self.from_logits and not self.label_smoothing and not is_float(dtype_name(targets.dtype))

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Class numbers within range, shapes that fit."""
        classes = predictions.shape[-1]
        if classes == 1:
            raise DataError(
                "Cross entropy over one class is always 0: nothing would be learnt.",
                expected="at least two classes on the predictions' last axis",
                received=str(predictions.shape),
                fix="For yes or no, end the model with 2 units and give the classes 0 and 1.",
            )
        if targets.dtype.kind == "f":
            if targets.ndim != len(predictions.shape) or targets.shape[-1] != classes:
                raise DataError(
                    "Cross entropy: targets of floating numbers are probabilities and need the predictions' shape.",
                    expected=f"{predictions.shape}",
                    received=str(targets.shape),
                    fix='Class numbers are integers: y.astype("int64").',
                )
            return
        if targets.ndim != len(predictions.shape) - 1:
            raise DataError(
                "Cross entropy: class numbers do not fit the predictions.",
                expected=f"{predictions.shape[:-1]}, the predictions {predictions.shape} without the class axis",
                received=str(targets.shape),
                fix="One-hot targets must be floats; a last axis of length 1 goes with y[..., 0].",
            )
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or (classes is not None and high >= classes):
            raise DataError(
                "Cross entropy: a class number is outside the model's classes.",
                expected=f"0 to {classes - 1 if classes else '…'} (the model ends with {classes} classes)",
                received=f"{low} to {high}",
                fix="Number the classes from 0, or end the model with more units.",
            )
