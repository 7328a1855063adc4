"""Lowerings of unidl.ops.loss."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import reals
from unidl.backends.tensorflow.tensor import ENSURED
from unidl.backends.tensorflow.tracing import with_gradient
from unidl.errors import UnidlError
from unidl.ops.loss import want_labels, want_one_shape
from unidl.targets.labels import find, outside_classes
from unidl.targets.shapes import different

Tensor: TypeAlias = tf.Tensor

TITLE = "Cross-entropy"
# How a kernel that looks at labels is named in a graph, by which its error is told from those of others: with the number of labels
# that an example has, 0 where that is not known
NAMED = "labels_of_an_example_"


def softmax_cross_entropy(logits: Any, labels: Any, mean: bool = False, ignore_index: int | None = None) -> Tensor:
    want_labels("softmax_cross_entropy", logits, labels)
    (logits,) = reals(logits)
    labels = labels if labels.dtype in (tf.int32, tf.int64) else tf.cast(labels, tf.int64)
    given, (counts, labels) = labels, _counting(labels, ignore_index)
    if not mean or counts is not None or not _fit(labels.shape, logits.shape[:-1]) or logits.shape[-1] is None:
        kernel, name = tf.nn.sparse_softmax_cross_entropy_with_logits, _name(labels)
        loss = _checked(kernel, given, ignore_index, labels=labels, logits=logits, name=name)  # (...)
        if counts is None:
            return tf.reduce_mean(loss) if mean else loss
        loss = tf.where(counts, loss, tf.zeros((), loss.dtype))
        return tf.reduce_sum(loss) / tf.maximum(tf.reduce_sum(tf.cast(counts, loss.dtype)), 1) if mean else loss
    rows = logits if logits.shape.rank == 2 else tf.reshape(logits, (-1, logits.shape[-1]))  # (positions, classes)
    chosen = labels if labels.shape.rank == 1 else tf.reshape(labels, (-1,))  # (positions,)
    # the kernel gives the gradient of each position beside its loss
    kernel = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits
    loss, each = _checked(kernel, given, None, features=rows, labels=chosen, name=_name(labels))
    return with_gradient(tf.reduce_mean(loss), [rows], lambda dy: [each * _share(dy, loss)])


def negative_log_likelihood(log_probabilities: Any, labels: Any, ignore_index: int | None = None) -> Tensor:
    want_labels("negative_log_likelihood", log_probabilities, labels)
    (log_p,) = reals(log_probabilities)
    given, (counts, labels) = labels, _counting(tf.cast(labels, tf.int64), ignore_index)
    places = {"indices": labels, "batch_dims": labels.shape.rank, "axis": -1, "name": _name(labels)}
    loss = -_checked(tf.gather, given, ignore_index, params=log_p, **places)  # (...)
    outside = tf.logical_or(labels < 0, labels >= tf.shape(log_p, tf.int64)[-1])  # where the gather did not look: 0
    loss = tf.where(outside, tf.constant(float("nan"), loss.dtype), loss)
    return loss if counts is None else tf.where(counts, loss, tf.zeros((), loss.dtype))


def _counting(labels: Tensor, ignore_index: int | None) -> tuple[Tensor | None, Tensor]:
    """Which labels count, None for all; and the labels with a class in place of the others."""
    if ignore_index is None:
        return None, labels
    labels = tf.cast(labels, tf.int64)
    counts = tf.not_equal(labels, ignore_index)
    return counts, tf.where(counts, labels, tf.zeros((), tf.int64))


def _checked(kernel: Callable[..., Any], given: Tensor, ignore_index: int | None, **arguments: Any) -> Any:
    """The kernel, whose own look at the labels costs nothing on a CPU. What a graph finds as it runs: see `explained`."""
    try:
        return kernel(**arguments)
    except tf.errors.InvalidArgumentError as error:
        scores = next(value for name, value in arguments.items() if name in ("logits", "features", "params"))
        found = find(given.numpy(), scores.shape[-1], ignore_index)
        if found is None:
            raise
        raise outside_classes(TITLE, *found, scores.shape[-1], ignore_index) from error


def explained(error: BaseException) -> UnidlError | None:
    """What it means that a graph refused labels or shapes as it ran; None where it is something else."""
    text = str(error)
    if f"/{ENSURED}" in text and "is not compatible with" in text:
        found = re.search(r"(\[[\d,]*\]) is not compatible with expected shape (\[[\d,?]*\])", text)
        return None if found is None else different("A loss or metric", found[2].replace("?", "None"), found[1])
    named = re.search(rf"{NAMED}(\d+)", text)
    if named is None:
        return None
    each = int(named[1])
    found = re.search(r"label value of (-?\d+) which is outside the valid range of \[0, (\d+)\)", text)
    place: tuple[int, ...] = ()
    if found is not None:
        listed = re.search(r"Label values: ([-\d ]+)", text)
        values = [] if listed is None else listed[1].split()
        if each and found[1] in values:
            example, position = divmod(values.index(found[1]), each)
            place = (example,) if each == 1 else (example, position)
    else:
        found = re.search(r"indices\[[\d,]*\] = (-?\d+) is not in \[0, (\d+)\)", text)
        if found is None:
            return None
        place = tuple(int(i) for i in found[0].partition("[")[2].partition("]")[0].split(",") if i)
    return outside_classes(TITLE, int(found[1]), place, int(found[2]))


def _name(labels: Tensor) -> str:
    return f"{NAMED}{labels.shape[1:].num_elements() or 0 if labels.shape.rank else 1}"


def sigmoid_cross_entropy(logits: Any, targets: Any, mean: bool = False) -> Tensor:
    want_one_shape("sigmoid_cross_entropy", logits, targets)
    logits, targets = reals(logits, targets)
    targets = targets if targets.shape.rank else tf.fill(tf.shape(logits), targets)  # of a number
    loss = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    return tf.reduce_mean(loss) if mean else loss


def mean_squared_error(predictions: Any, targets: Any) -> Tensor:
    want_one_shape("mean_squared_error", predictions, targets)
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
    "negative_log_likelihood": negative_log_likelihood,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "mean_squared_error": mean_squared_error,
}
