"""Lowerings of unidl.ops.loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import reals

Tensor: TypeAlias = tf.Tensor


def softmax_cross_entropy(logits: Any, labels: Any, mean: bool = False) -> Tensor:
    (logits,) = reals(logits)
    labels = labels if labels.dtype in (tf.int32, tf.int64) else tf.cast(labels, tf.int64)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)  # (...)
    return tf.reduce_mean(loss) if mean else loss


def mean_squared_error(predictions: Any, targets: Any) -> Tensor:
    return tf.reduce_mean(tf.math.squared_difference(*reals(predictions, targets)))


TABLE: dict[str, Callable[..., Any]] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "mean_squared_error": mean_squared_error,
}
