"""Lowerings of unidl.ops.manipulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.promotion import constant, meet
from unidl.backends.tensorflow.tracing import with_gradient
from unidl.ops.joining import part_lengths
from unidl.ops.manipulation import squeezed

Tensor: TypeAlias = tf.Tensor


def shape(x: Tensor) -> tuple[Any, ...]:
    known = tuple(x.shape)
    if None not in known:
        return known
    now = tf.shape(x, out_type=tf.int64)  # (rank,)
    return tuple(now[axis] if n is None else n for axis, n in enumerate(known))


def lengths(values: Sequence[Any]) -> Any:
    """Lengths as TensorFlow takes them: a list of integers, or one int64 tensor where some are tensors."""
    if any(tf.is_tensor(v) for v in values):
        return tf.stack([tf.cast(v, tf.int64) if tf.is_tensor(v) else tf.constant(v, tf.int64) for v in values])
    return list(values)


def reshape(x: Tensor, shape: Sequence[Any]) -> Tensor:
    return tf.reshape(x, lengths(shape))


def transpose(x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    rank = x.shape.rank
    return tf.transpose(x, None if axes is None else [axis % rank for axis in axes])


def expand_dims(x: Tensor, axis: int) -> Tensor:
    return tf.expand_dims(x, axis)


def squeeze(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    squeezed(tuple(x.shape), axis)  # refuses a length that is known and not 1
    return tf.squeeze(x, axis)


def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    xs = meet(*xs)
    parts = [x.shape[axis] for x in xs]
    if len(xs) < 2 or None in parts or not xs[0].dtype.is_floating:
        return tf.concat(xs, axis)
    return with_gradient(tf.concat(xs, axis), xs, lambda dy: tf.split(dy, parts, axis))


def stack(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    return tf.stack(meet(*xs), axis)


def unstack(x: Tensor, axis: int = 0) -> list[Tensor]:
    return list(tf.unstack(x, axis=axis))


def split(x: Tensor, parts: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    return list(tf.split(x, part_lengths(x.shape[axis], parts), axis))


def tile(x: Tensor, repeats: Sequence[int]) -> Tensor:
    return tf.tile(x, list(repeats))


def repeat(x: Tensor, count: int, axis: int) -> Tensor:
    result = tf.repeat(x, count, axis)
    axis %= x.shape.rank
    # tf.repeat forgets the length
    result.set_shape([n if i != axis or n is None else n * count for i, n in enumerate(x.shape)])
    return result


def broadcast_to(x: Tensor, shape: Sequence[Any]) -> Tensor:
    return tf.broadcast_to(x, lengths(shape))


def flip(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    return tf.reverse(x, [axis] if isinstance(axis, int) else list(axis))


def roll(x: Tensor, shift: int, axis: int) -> Tensor:
    return tf.roll(x, shift, axis)


def pad_constant(x: Tensor, widths: Sequence[Sequence[int]], value: float = 0.0) -> Tensor:
    return tf.pad(x, [list(pair) for pair in widths], constant_values=constant(value, x.dtype))


TABLE: dict[str, Callable[..., Any]] = {
    "shape": shape,
    "reshape": reshape,
    "transpose": transpose,
    "expand_dims": expand_dims,
    "squeeze": squeeze,
    "concatenate": concatenate,
    "stack": stack,
    "unstack": unstack,
    "split": split,
    "tile": tile,
    "repeat": repeat,
    "broadcast_to": broadcast_to,
    "flip": flip,
    "roll": roll,
    "pad_constant": pad_constant,
}
