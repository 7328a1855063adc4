"""What losses are made of, where the frameworks have a kernel for the whole."""

from __future__ import annotations

from typing import Any

from unidl.errors import DtypeError, ShapeError
from unidl.graph.operand import floating, tensor_spec
from unidl.graph.shape import fits, known_shape
from unidl.graph.spec import TensorSpec, dtype_name, is_float
from unidl.ops.activation import log_softmax
from unidl.ops.arithmetic import abs as absolute
from unidl.ops.arithmetic import add, cast, divide, exp, log1p, maximum, multiply, negative, square, subtract
from unidl.ops.comparison import not_equal, where
from unidl.ops.indexing import take_along_axis
from unidl.ops.manipulation import expand_dims, squeeze
from unidl.ops.op import composed, composed_with
from unidl.ops.reduction import mean as mean_of
from unidl.ops.reduction import sum as sum_of

Tensor = Any


def _of_labels(
    logits: Any, labels: Any, mean: bool = False, ignore_index: int | None = None, name: str = "softmax_cross_entropy"
) -> TensorSpec:
    scores, given = tensor_spec(logits), tensor_spec(labels)
    want_labels(name, scores, given)
    return TensorSpec(() if mean else given.shape, floating(scores.dtype))


def _of_log_probabilities(log_probabilities: Any, labels: Any, ignore_index: int | None = None) -> TensorSpec:
    return _of_labels(log_probabilities, labels, False, ignore_index, "negative_log_likelihood")


@composed_with(_of_labels)
def softmax_cross_entropy(
    logits: Tensor, labels: Tensor, mean: bool = False, ignore_index: int | None = None
) -> Tensor:
    """-ln softmax(logits) at each label, without loss where softmax is nearly 0.

    Args:
        logits: (..., classes)
        labels: (...), integers from 0 to classes - 1.
        mean: Whether to return the mean over all positions that count, 0 where none does; torch's kernel computes it at once.
        ignore_index: A label to leave out: 0 at its positions, which do not count in the mean.

    Returns:
        (...), of the logits' dtype; with `mean` a scalar.

    Raises:
        ShapeError: The labels' shape is not the logits' without the classes.
        DtypeError: The labels are no integers.
        DataError: A label is none of the classes. In a graph it is raised when the graph runs; on an accelerator, and under a
            compiler, the loss is NaN there instead, for to look would wait for the device.

    Example:
        >>> unidl.to_numpy(ops.softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))).round(4).tolist()
        [0.6931]

    Where the frameworks differ: torch's takes the classes on axis 1 and leaves out the label -100 by default.
    """
    return _mean(negative_log_likelihood(log_softmax(logits), labels, ignore_index), labels, mean, ignore_index)


@composed_with(_of_log_probabilities)
def negative_log_likelihood(log_probabilities: Tensor, labels: Tensor, ignore_index: int | None = None) -> Tensor:
    """-log_probabilities at each label.

    Args:
        log_probabilities: (..., classes)
        labels: (...), integers from 0 to classes - 1.
        ignore_index: A label to leave out: 0 at its positions.

    Returns:
        (...), of the logarithms' dtype.

    Raises:
        DataError: As `softmax_cross_entropy`.

    Example:
        >>> unidl.to_numpy(ops.negative_log_likelihood(np.array([[-1.5, -0.5]]), np.array([1]))).tolist()
        [0.5]

    Where the frameworks differ: as in `softmax_cross_entropy`.
    """
    labels = cast(labels, "int64")
    if ignore_index is not None:
        counts = not_equal(labels, ignore_index)
        labels = where(counts, labels, 0)
    loss = negative(squeeze(take_along_axis(log_probabilities, expand_dims(labels, -1), axis=-1), axis=-1))
    return loss if ignore_index is None else where(counts, loss, 0.0)


def _mean(loss: Tensor, labels: Tensor, mean: bool, ignore_index: int | None) -> Tensor:
    if not mean:
        return loss
    if ignore_index is None:
        return mean_of(loss)
    number = sum_of(cast(not_equal(cast(labels, "int64"), ignore_index), dtype_name(loss.dtype)))
    return divide(sum_of(loss), maximum(number, 1.0))


@composed
def sigmoid_cross_entropy(logits: Tensor, targets: Tensor, mean: bool = False) -> Tensor:
    """-q ln sigmoid(x) - (1 - q) ln(1 - sigmoid(x)), exact for large logits.

    Args:
        logits: x, any shape.
        targets: q, the same, from 0 to 1.
        mean: Whether to return the mean over all positions.

    Returns:
        The logits' shape; with `mean` a scalar.

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.

    Example:
        >>> unidl.to_numpy(ops.sigmoid_cross_entropy(np.array([0.0, 1000.0]), np.array([1.0, 1.0]))).round(4).tolist()
        [0.6931, 0.0]
    """
    want_one_shape("sigmoid_cross_entropy", logits, targets)
    beside = subtract(maximum(logits, 0.0), multiply(logits, targets))
    loss = add(beside, log1p(exp(negative(absolute(logits)))))
    return mean_of(loss) if mean else loss


@composed
def mean_squared_error(predictions: Tensor, targets: Tensor) -> Tensor:
    """The mean of (predictions - targets)^2 over all positions.

    Args:
        predictions: Any shape.
        targets: The same.

    Returns:
        A scalar.

    Raises:
        ShapeError: The shapes differ; nothing is broadcast.

    Example:
        >>> float(unidl.to_numpy(ops.mean_squared_error(np.array([1.0, 3.0]), np.array([1.0, 1.0]))))
        2.0
    """
    want_one_shape("mean_squared_error", predictions, targets)
    return mean_of(square(subtract(predictions, targets)))


def want_labels(name: str, scores: Any, labels: Any) -> None:
    """Refuse labels that are no integers, or not one for each row of scores; of tensors, or of their specs.

    Raises:
        DtypeError: They are floats.
        ShapeError: They have another shape.
    """
    if is_float(dtype_name(labels.dtype)):
        raise DtypeError(
            f"ops.{name} needs integer labels.",
            expected="int64, or another integer",
            received=dtype_name(labels.dtype),
            fix='ops.cast(labels, "int64") cuts decimals; probabilities are for losses.CrossEntropy().',
        )
    one, other = known_shape(scores), known_shape(labels)
    if one == ():
        raise ShapeError(f"ops.{name} needs scores with a class axis.", received="()")
    if one is not None and not fits(one[:-1], other):
        raise ShapeError(
            f"ops.{name} needs a label for each row of scores.",
            expected=f"{tuple(one[:-1])}, for scores {tuple(one)}",
            received=str(other if other is None else tuple(other)),
            fix="ops.squeeze(labels, axis=-1) takes a last axis of length 1 away.",
        )


def want_one_shape(name: str, predictions: Tensor, targets: Tensor) -> None:
    """Refuse two tensors of different shapes; a Python number has none.

    Raises:
        ShapeError: They differ.
    """
    if hasattr(predictions, "shape") and hasattr(targets, "shape"):
        one, other = known_shape(predictions), known_shape(targets)
        if not fits(one, other):
            raise ShapeError(
                f"ops.{name} needs predictions and targets of one shape, and broadcasts neither.",
                expected=str(one),
                received=str(other),
                fix="ops.expand_dims(x, -1) adds a last axis, ops.squeeze(x, axis=-1) takes one of length 1 away.",
            )
