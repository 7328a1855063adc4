"""Lowerings of unidl.ops.linear_algebra."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow.python.eager import record

from unidl.backends.tensorflow.promotion import numbers, widely
from unidl.backends.tensorflow.tracing import is_training
from unidl.graph.shape import keeping_dots

Tensor: TypeAlias = tf.Tensor


def matmul(x: Any, y: Any) -> Tensor:
    x, y = numbers(x, y)
    if (
        y.shape.rank == 2 and (x.shape.rank or 0) > 2
    ):  # as one product: a batched one's gradient by y makes y for each batch first
        rows = widely(tf.matmul)(tf.reshape(x, (-1, x.shape[-1] or tf.shape(x)[-1])), y)
        return tf.reshape(rows, [*known_lengths(x)[:-1], y.shape[1] or tf.shape(y)[1]])
    row, column = x.shape.rank == 1, y.shape.rank == 1  # tf.matmul takes no vectors
    z = widely(tf.matmul)(x[None] if row else x, y[:, None] if column else y)  # (..., n, k), (..., k, m) -> (..., n, m)
    z = tf.squeeze(z, -1) if column else z
    return tf.squeeze(z, -1 if column else -2) if row else z


def known_lengths(x: Tensor) -> list[Any]:
    """The length of each axis; -1 for the one that is not known, tensors where there are several."""
    unknown = [i for i, length in enumerate(x.shape[:-1]) if length is None]
    if len(unknown) == 1 and 0 not in x.shape[:-1]:
        return [-1 if length is None else length for length in x.shape]
    return [tf.shape(x)[i] if length is None else length for i, length in enumerate(x.shape)]


def on_rows(function: Callable[[Tensor], Tensor], x: Tensor, kernel: str = "MatMul") -> Tensor:
    """What a function of (..., channels) makes of x, on the rows of the product that `matmul` left in x's shape, where it did.

    A bias or an activation is fused with the product, or with its bias, then; on a tensor made of the rows it is not. Not where a
    user's own tape may record: the result would have no gradient by x.

    Args:
        function: Keeps the shape.
        x: A tensor.
        kernel: What the rows come from: a product, or its bias ("BiasAdd").
    """
    if not tf.is_symbolic_tensor(x) or x.op.type != "Reshape" or x.op.inputs[0].op.type != kernel:
        return function(x)
    rows = x.op.inputs[0]
    same_channels = x.shape.rank and x.shape[-1] is not None and x.shape[-1] == rows.shape[-1]
    if not same_channels or (record.could_possibly_record() and not is_training()):
        return function(x)
    return tf.reshape(function(rows), known_lengths(x))


def einsum(equation: str, *operands: Any) -> Tensor:
    equation, named = keeping_dots(equation)
    kept = widely(functools.partial(tf.einsum, equation))(*numbers(*operands))
    return kept if named is None else tf.reduce_sum(kept, list(range(kept.shape.rank - named)))


TABLE: dict[str, Callable[..., Any]] = {
    "matmul": matmul,
    "einsum": einsum,
}
