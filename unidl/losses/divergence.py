"""Kullback-Leibler divergence between distributions over classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.arguments import flag
from unidl.losses.paired import SMALLEST, Paired
from unidl.targets import distributions


class KLDivergence(Paired, name="kl_divergence"):
    """Kullback-Leibler divergence loss: from the target distribution to the predicted one.

        loss = mean(sum_c q_c * (log q_c - log softmax(predictions)_c))        q: the target; 0 * log 0 is 0

    Args:
        from_logits: Whether predictions are logits or log-probabilities; False takes probabilities, clipped to [1e-7, 1].
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ..., classes); targets are probabilities
    Output: scalar, the mean over the positions (batch, ...)
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A row of the targets, in an array, does not sum to 1.
    Example:
        >>> import numpy, unidl
        >>> q = numpy.array([[0.5, 0.5]], "float32")
        >>> round(float(unidl.to_numpy(unidl.losses.KLDivergence()(q, numpy.array([[1.0, 0.0]], "float32")))), 4)
        0.1201
    Where the frameworks differ: Keras reads probabilities, and clips the targets too; torch's KLDivLoss reads log-probabilities and
    divides by all elements unless reduction="batchmean", which is the mean here.
    """

    title = "KLDivergence"
    probabilities = "softmax"
    of_positions = False

    def __init__(self, from_logits: bool = True, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.from_logits = flag(self, "from_logits", from_logits)
        self.reads_logits = self.from_logits

    def values(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), without the class axis."""
        if self.from_logits:
            log_p = ops.log_softmax(predictions, axis=-1)
        else:
            log_p = ops.log(ops.clip(predictions, SMALLEST, 1.0))
        there = ops.greater(targets, 0.0)
        log_q = ops.log(ops.where(there, targets, ops.ones_like(targets)))
        return ops.sum(ops.multiply(targets, ops.subtract(log_q, log_p)), axis=-1)

    def check_values(self, targets: np.ndarray) -> None:
        """Rows that are probabilities."""
        distributions.check_sums(self.title, targets, "use losses.BinaryCrossEntropy()")
