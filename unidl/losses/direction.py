"""Cosine similarity between vectors, as a loss."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.losses.paired import Paired

# Norms are at least 1e-8, so that a vector of zeros has the similarity 0 and a gradient
SMALLEST_SQUARE = 1e-16


def cosine(a: Any, b: Any) -> Any:
    """The cosine of the angle between vectors on the last axis: (batch, ..., units) twice -> (batch, ...)."""
    scale = ops.multiply(_inverse_norm(a), _inverse_norm(b))
    return ops.multiply(ops.sum(ops.multiply(a, b), axis=-1), scale)


def _inverse_norm(x: Any) -> Any:
    return ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1), SMALLEST_SQUARE))


class CosineSimilarity(Paired, name="cosine_similarity"):
    """Cosine similarity loss: minus the cosine of the angle between target and prediction.

        loss = -mean(sum_c t_c * p_c / (|t| * |p|)),  c over the last axis; a norm is at least 1e-8

    It is -1 where both point the same way, 0 at a right angle, 1 where they oppose.

    Args:
        reduction: What a weighted sum is divided by: "mean", the positions that count; "weighted_mean", their weights.
    Input: targets and predictions of one shape (batch, ..., units)
    Output: scalar
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
    Example:
        >>> import numpy, unidl
        >>> y = numpy.array([[3.0, 4.0]], "float32")
        >>> round(float(unidl.to_numpy(unidl.losses.CosineSimilarity()(y, 2 * y))), 4)
        -1.0
    Where the frameworks differ: torch's CosineEmbeddingLoss is 1 minus the cosine, for pairs labelled 1; Keras bounds norms by 1e-7.
    """

    title = "CosineSimilarity"
    of_positions = False

    def values(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), without the last axis."""
        return ops.negative(cosine(targets, predictions))
