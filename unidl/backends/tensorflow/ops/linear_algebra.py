"""Lowerings of unidl.ops.linear_algebra."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow.python.eager import record

from unidl.backends.tensorflow.promotion import numbers, widely
from unidl.backends.tensorflow.tracing import is_training

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


def rows_of(x: Tensor, kernel: str = "MatMul") -> Tensor | None:
    """The product of two matrices, or that with its bias ("BiasAdd"), if x is its rows in another shape, as `matmul` leaves them in a graph.

    None as well where a user's own tape may record, for who works on the rows has no gradient by x.
    """
    if not tf.is_symbolic_tensor(x) or x.op.type != "Reshape" or x.op.inputs[0].op.type != kernel:
        return None
    if record.could_possibly_record() and not is_training():
        return None
    rows = x.op.inputs[0]
    return rows if x.shape.rank and x.shape[-1] is not None and rows.shape[-1] == x.shape[-1] else None


def einsum(equation: str, *operands: Any) -> Tensor:
    return widely(functools.partial(tf.einsum, equation))(*numbers(*operands))


TABLE: dict[str, Callable[..., Any]] = {
    "matmul": matmul,
    "einsum": einsum,
}
