"""Focal cross-entropy: what is predicted well already weighs little."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import number, optional
from unidl.graph.spec import dtype_name
from unidl.losses.cross_entropy import CrossEntropy
from unidl.losses.paired import LARGEST, SMALLEST, OfAnswers

# What a weight's base is at least, whose power below 1 has no slope at 0
_TINY = 1e-30


def _focus(missing: Any, gamma: float) -> Any:
    """missing^gamma."""
    return ops.square(missing) if gamma == 2 else ops.power(ops.maximum(missing, _TINY), gamma)


class BinaryFocalCrossEntropy(OfAnswers):
    """Focal binary cross-entropy loss, for one yes or no in each output.

        p = sigmoid(predictions)
        loss = mean(a * (1 - p_t)^gamma * bce)        p_t = p for yes, 1 - p for no; a = alpha for yes, 1 - alpha for no

    Args:
        gamma: How fast the weight of what is predicted well falls; 0 is the binary cross-entropy.
        alpha: Weight of yes, in [0, 1]; None is a = 1 for both.
        from_logits: Whether predictions are logits, as they should be; False takes probabilities, clipped to [1e-7, 1 - 1e-7].
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...); targets are 0, 1, or probabilities in between
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A target in an array is below 0 or above 1.
    Example:
        >>> import numpy, unidl
        >>> loss = unidl.losses.BinaryFocalCrossEntropy()
        >>> round(float(unidl.to_numpy(loss(numpy.array([[1]]), numpy.array([[0.0]], "float32")))), 4)
        0.1733
    Where the frameworks differ: Keras reads probabilities by default, and takes alpha=0.25 only with apply_class_balancing; torchvision's
    sigmoid_focal_loss has alpha=0.25 by default and returns each position's loss.
    References: Lin, Goyal, Girshick, He, Dollár (2017), arXiv:1708.02002.
    """

    title = "Binary focal cross-entropy"

    def __init__(
        self, gamma: float = 2.0, alpha: float | None = None, from_logits: bool = True, reduction: str = "mean"
    ) -> None:
        super().__init__(from_logits, reduction)
        self.gamma = number(self, "gamma", gamma, least=0)
        self.alpha = optional(number, self, "alpha", alpha, least=0, most=1)

    def values(self, targets: Any, predictions: Any) -> Any:
        """Of each position."""
        t = targets
        if self.from_logits:
            p, loss = ops.sigmoid(predictions), ops.sigmoid_cross_entropy(predictions, t)
            no = ops.sigmoid(ops.negative(predictions))  # 1 - p without loss of digits
        else:
            p = ops.clip(predictions, SMALLEST, LARGEST)
            no = ops.subtract(1.0, p)
            either = ops.multiply(ops.subtract(1.0, t), ops.log1p(ops.negative(p)))
            loss = ops.negative(ops.add(ops.multiply(t, ops.log(p)), either))
        if self.gamma:
            missing = ops.add(ops.multiply(t, no), ops.multiply(ops.subtract(1.0, t), p))
            loss = ops.multiply(_focus(missing, self.gamma), loss)
        if self.alpha is None:
            return loss
        return ops.multiply(ops.add(ops.multiply(t, 2.0 * self.alpha - 1.0), 1.0 - self.alpha), loss)


class FocalCrossEntropy(CrossEntropy):
    """Focal cross-entropy loss between classes.

        loss = mean(-alpha * sum_c q_c * (1 - p_c)^gamma * log p_c)        p = softmax(predictions); q: the target

    Args:
        gamma: How fast the weight of what is predicted well falls; 0 is the cross-entropy.
        alpha: Factor of the loss; weights of the classes are `class_weight` of unidl.Trainer.fit.
        from_logits: Whether predictions are logits, as they should be; False takes probabilities, clipped to [1e-7, 1].
        ignore_index: An integer label to leave out, as in losses.CrossEntropy.
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets (batch, ...) of integers or (batch, ..., classes) of floats; predictions (batch, ..., classes)
    Output: scalar, the mean over the positions that count
    Raises:
        ShapeError: The shapes do not fit, or there is one class only.
        DataError: A label in an array is outside [0, classes).
    Example:
        >>> import numpy, unidl
        >>> loss = unidl.losses.FocalCrossEntropy()
        >>> round(float(unidl.to_numpy(loss(numpy.array([0]), numpy.array([[0.0, 0.0]], "float32")))), 4)
        0.1733
    Where the frameworks differ: Keras reads probabilities by default and has alpha=0.25, a factor of all classes.
    References: Lin, Goyal, Girshick, He, Dollár (2017), arXiv:1708.02002.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float = 1.0,
        from_logits: bool = True,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(from_logits, 0.0, ignore_index, reduction)
        self.gamma = number(self, "gamma", gamma, least=0)
        self.alpha = number(self, "alpha", alpha, above=0)

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), without the class axis."""
        targets, predictions, integers = self._fitting(targets, predictions)
        log_p = self._log_probabilities(predictions)
        if integers:
            loss = ops.negative_log_likelihood(log_p, targets, ignore_index=self.ignore_index)
            missing = ops.negative(ops.expm1(ops.negative(loss)))  # 1 - p of the label's class
            focused = ops.multiply(_focus(missing, self.gamma), loss) if self.gamma else loss
        else:
            each = ops.multiply(ops.cast(targets, dtype_name(log_p.dtype)), ops.negative(log_p))
            if self.gamma:
                each = ops.multiply(_focus(ops.negative(ops.expm1(log_p)), self.gamma), each)
            focused = ops.sum(each, axis=-1)
        return focused if self.alpha == 1.0 else ops.multiply(focused, self.alpha)

    def _mean(self, targets: Any, predictions: Any) -> Any:
        return super(CrossEntropy, self)._mean(targets, predictions)  # no op says it all
