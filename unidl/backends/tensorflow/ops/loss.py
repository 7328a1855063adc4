"""Lowerings of unidl.ops.loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import reals

Tensor: TypeAlias = tf.Tensor


def softmax_cross_entropy(logits: Any, labels: Any) -> Tensor:
    (logits,) = reals(logits)
    labels = labels if labels.dtype in (tf.int32, tf.int64) else tf.cast(labels, tf.int64)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


TABLE: dict[str, Callable[..., Any]] = {"softmax_cross_entropy": softmax_cross_entropy}
