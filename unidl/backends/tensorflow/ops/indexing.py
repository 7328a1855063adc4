"""Lowerings of unidl.ops.indexing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.ops.manipulation import lengths, shape
from unidl.backends.tensorflow.tensor import at_hand
from unidl.ops.indexing import out_of_range

Tensor: TypeAlias = tf.Tensor


def getitem(x: Tensor, index: Any) -> Tensor:
    return x[index]


def dynamic_slice(x: Tensor, starts: Sequence[Any], sizes: Sequence[int]) -> Tensor:
    fitting = [
        tf.clip_by_value(tf.cast(start, tf.int64), 0, tf.cast(n, tf.int64) - size)
        for start, n, size in zip(starts, shape(x), sizes, strict=True)
    ]
    return tf.ensure_shape(tf.slice(x, lengths(fitting), tf.constant(list(sizes), tf.int64)), sizes) if fitting else x


def not_there(error: Exception, indices: Tensor, length: int | None) -> Exception:
    """What an eager kernel's error means: an index that is not there, or else itself. Of a graph's see `explained`."""
    meant = out_of_range(at_hand(indices), length)
    if meant is None:
        return error
    meant.__cause__ = error
    return meant


def take(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    try:
        return tf.gather(x, _index(indices), axis=axis)
    except tf.errors.InvalidArgumentError as error:
        raise not_there(error, indices, x.shape[axis])  # noqa: B904  # which has its cause


def take_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    last = x.shape.rank - 1
    order = [i for i in range(last + 1) if i != axis % (last + 1)] + [axis % (last + 1)]
    back = sorted(range(last + 1), key=order.__getitem__)
    places = tf.transpose(_index(indices), order)
    try:
        chosen = tf.gather(tf.transpose(x, order), places, batch_dims=last, axis=last)
    except tf.errors.InvalidArgumentError as error:
        raise not_there(error, indices, x.shape[axis])  # noqa: B904  # which has its cause
    return tf.transpose(chosen, back)


def _index(indices: Tensor) -> Tensor:
    return indices if indices.dtype in (tf.int32, tf.int64) else tf.cast(indices, tf.int64)


def one_hot(indices: Tensor, classes: int, axis: int = -1, dtype: str = "float32") -> Tensor:
    place = axis % (indices.shape.rank + 1)
    return tf.one_hot(_index(indices), classes, axis=place, dtype=dtype)


TABLE: dict[str, Callable[..., Any]] = {
    "getitem": getitem,
    "dynamic_slice": dynamic_slice,
    "take": take,
    "take_along_axis": take_along_axis,
    "one_hot": one_hot,
}
