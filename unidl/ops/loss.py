"""What losses are made of, where the frameworks have a kernel for the whole."""

from __future__ import annotations

from typing import Any

from unidl.ops.activation import log_softmax
from unidl.ops.arithmetic import cast, negative, square, subtract
from unidl.ops.indexing import take_along_axis
from unidl.ops.manipulation import expand_dims, squeeze
from unidl.ops.op import composed
from unidl.ops.reduction import mean as mean_of

Tensor = Any


@composed
def softmax_cross_entropy(logits: Tensor, labels: Tensor, mean: bool = False) -> Tensor:
    """-ln softmax(logits) at each label, without loss where softmax is nearly 0.

    Args:
        logits: (..., classes)
        labels: (...), integers from 0 to classes - 1.
        mean: Whether to give the mean over all places, which torch's kernel takes along.

    Returns:
        (...), of the logits' dtype; with `mean` a scalar.

    Example:
        >>> unidl.to_numpy(ops.softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))).round(4).tolist()
        [0.6931]

    Where the frameworks differ: torch's takes the classes on axis 1; a label out of range is an error on a CPU, and on a GPU
    TensorFlow gives NaN.
    """
    picked = take_along_axis(log_softmax(logits), expand_dims(cast(labels, "int64"), -1), axis=-1)
    loss = negative(squeeze(picked, axis=-1))
    return mean_of(loss) if mean else loss


@composed
def mean_squared_error(predictions: Tensor, targets: Tensor) -> Tensor:
    """The mean of (predictions - targets)^2 over all places.

    Args:
        predictions: Any shape.
        targets: The same.

    Returns:
        A scalar.

    Example:
        >>> float(unidl.to_numpy(ops.mean_squared_error(np.array([1.0, 3.0]), np.array([1.0, 1.0]))))
        2.0
    """
    return mean_of(square(subtract(predictions, targets)))
