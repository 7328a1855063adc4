"""Lowerings of unidl.ops.loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import reals
from unidl.backends.tensorflow.tracing import with_gradient

Tensor: TypeAlias = tf.Tensor


def softmax_cross_entropy(logits: Any, labels: Any, mean: bool = False) -> Tensor:
    (logits,) = reals(logits)
    labels = labels if labels.dtype in (tf.int32, tf.int64) else tf.cast(labels, tf.int64)
    if not mean or not _fit(labels.shape, logits.shape[:-1]) or logits.shape[-1] is None:
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)  # (...)
        return tf.reduce_mean(loss) if mean else loss
    rows = logits if logits.shape.rank == 2 else tf.reshape(logits, (-1, logits.shape[-1]))  # (places, classes)
    places = labels if labels.shape.rank == 1 else tf.reshape(labels, (-1,))  # (places,)
    # the kernel gives the gradient of each place beside its loss
    loss, each = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=rows, labels=places)
    return with_gradient(tf.reduce_mean(loss), [rows], lambda dy: [each * _share(dy, loss)])


def mean_squared_error(predictions: Any, targets: Any) -> Tensor:
    predictions, targets = reals(predictions, targets)
    if not _fit(predictions.shape, targets.shape):
        return tf.reduce_mean(tf.math.squared_difference(predictions, targets))
    difference = predictions - targets

    def gradient(dy: Tensor) -> list[Tensor]:
        by_predictions = difference * _share(2.0 * dy, difference)
        return [by_predictions, -by_predictions]

    return with_gradient(tf.reduce_mean(tf.square(difference)), [predictions, targets], gradient)


def _fit(one: tf.TensorShape, other: tf.TensorShape) -> bool:
    """Whether nothing is broadcast: the lengths are equal, and the batch's is the only one that may be unknown."""
    return bool(one.rank) and one.rank == other.rank and list(one) == list(other) and None not in one[1:]


def _share(dy: Tensor, of: Tensor) -> Tensor:
    """What each element has of the gradient by a mean."""
    return dy / tf.cast(tf.size(of), dy.dtype)


TABLE: dict[str, Callable[..., Any]] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "mean_squared_error": mean_squared_error,
}
