"""What losses are made of, where the frameworks have a kernel for the whole."""

from __future__ import annotations

from typing import Any

from unidl.ops.activation import log_softmax
from unidl.ops.arithmetic import cast, negative
from unidl.ops.indexing import take_along_axis
from unidl.ops.manipulation import expand_dims, squeeze
from unidl.ops.op import composed

Tensor = Any


@composed
def softmax_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-ln softmax(logits) at each label, without loss where softmax is nearly 0.

    Args:
        logits: (..., classes)
        labels: (...), integers from 0 to classes - 1.

    Returns:
        (...), of the logits' dtype.

    Example:
        >>> unidl.to_numpy(ops.softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))).round(4).tolist()
        [0.6931]

    Where the frameworks differ: torch's takes the classes on axis 1; a label out of range is an error on a CPU, and on a GPU
    TensorFlow gives NaN.
    """
    picked = take_along_axis(log_softmax(logits), expand_dims(cast(labels, "int64"), -1), axis=-1)
    return negative(squeeze(picked, axis=-1))
