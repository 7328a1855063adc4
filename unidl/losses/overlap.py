"""Losses of how far two areas overlap: Dice and Tversky, for segmentation."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import number
from unidl.losses.paired import OfAnswers


class Tversky(OfAnswers):
    """Tversky loss: one minus an overlap in which misses and false alarms weigh as is asked for.

        p = sigmoid(predictions)
        loss = mean over examples of 1 - (TP + s) / (TP + alpha * FP + beta * FN + s)
        TP = sum(targets * p), FP = sum((1 - targets) * p), FN = sum(targets * (1 - p)), over all axes of an example

    Args:
        alpha: Weight of false positives.
        beta: Weight of false negatives.
        smooth: s, which keeps an example without any yes from 0 / 0.
        from_logits: Whether predictions are logits of yes; False takes probabilities, of a softmax as well.
        reduction: What a weighted sum is divided by: "mean", the examples; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...); targets are 0, 1, or probabilities in between
    Output: scalar, the mean over the examples
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A target in an array is below 0 or above 1.
    Example:
        >>> import numpy, unidl
        >>> loss = unidl.losses.Tversky(from_logits=False)
        >>> y = numpy.array([[1.0, 1.0, 0.0]], "float32")
        >>> round(float(unidl.to_numpy(loss(y, numpy.array([[1.0, 0.0, 0.0]], "float32")))), 4)
        0.3333
    Where the frameworks differ: Keras takes the areas of a whole batch together, so its loss depends on how examples are batched.
    References: Salehi, Erdogmus, Gholipour (2017), arXiv:1706.05721.
    """

    title = "Tversky"
    of_positions = False

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        smooth: float = 1e-7,
        from_logits: bool = True,
        reduction: str = "mean",
    ) -> None:
        super().__init__(from_logits, reduction)
        self.alpha = number(self, "alpha", alpha, least=0)
        self.beta = number(self, "beta", beta, least=0)
        self.smooth = number(self, "smooth", smooth, above=0)

    def values(self, targets: Any, predictions: Any) -> Any:
        """(batch,)."""
        p = ops.sigmoid(predictions) if self.from_logits else predictions
        both = _area(ops.multiply(targets, p))
        alarms = ops.multiply(_area(ops.multiply(ops.subtract(1.0, targets), p)), self.alpha)
        misses = ops.multiply(_area(ops.multiply(targets, ops.subtract(1.0, p))), self.beta)
        whole = ops.add(ops.add(both, alarms), ops.add(misses, self.smooth))
        return ops.subtract(1.0, ops.divide(ops.add(both, self.smooth), whole))

    def class_indices(self, targets: Any) -> Any:
        """Examples have no class."""
        return super(OfAnswers, self).class_indices(ops.cast(targets, "float32"))


def _area(x: Any) -> Any:
    """(batch, ...) -> (batch,)."""
    axes = tuple(range(1, len(x.shape)))
    return ops.sum(x, axis=axes) if axes else x


class Dice(Tversky):
    """Dice loss: one minus twice the overlap by the sum of both areas.

        p = sigmoid(predictions)
        loss = mean over examples of 1 - (2 * sum(targets * p) + s) / (sum(targets) + sum(p) + s)

    Args:
        smooth: s, which keeps an example without any yes from 0 / 0.
        from_logits: Whether predictions are logits of yes; False takes probabilities, of a softmax as well.
        reduction: What a weighted sum is divided by: "mean", the examples; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ...); targets are 0, 1, or probabilities in between
    Output: scalar, the mean over the examples
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A target in an array is below 0 or above 1.
    Example:
        >>> import numpy, unidl
        >>> loss = unidl.losses.Dice(from_logits=False)
        >>> y = numpy.array([[1.0, 1.0, 0.0]], "float32")
        >>> round(float(unidl.to_numpy(loss(y, numpy.array([[1.0, 0.0, 0.0]], "float32")))), 4)
        0.3333
    Where the frameworks differ: Keras takes the areas of a whole batch together, so its loss depends on how examples are batched.
    References: Milletari, Navab, Ahmadi (2016), arXiv:1606.04797.
    """

    title = "Dice"

    def __init__(self, smooth: float = 1e-7, from_logits: bool = True, reduction: str = "mean") -> None:
        super().__init__(0.5, 0.5, smooth, from_logits, reduction)

    def values(self, targets: Any, predictions: Any) -> Any:
        """(batch,)."""
        p = ops.sigmoid(predictions) if self.from_logits else predictions
        both = ops.multiply(_area(ops.multiply(targets, p)), 2.0)
        whole = ops.add(_area(ops.add(targets, p)), self.smooth)
        return ops.subtract(1.0, ops.divide(ops.add(both, self.smooth), whole))
