"""Lowering of unidl.ops.philox: TensorFlow's own kernel, which has the same words, lane by lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

Tensor: TypeAlias = tf.Tensor
_PHILOX = tf.random.Algorithm.PHILOX.value


def philox(count: Any, state: Any, stream: int) -> Tensor:
    state = tf.bitcast(state, tf.uint64)
    seed, step = state[0], state[1]
    counter = tf.stack([tf.bitwise.left_shift(step, tf.constant(32, tf.uint64)), tf.constant(stream, tf.uint64)])
    lanes = (tf.cast(count, tf.int64) + 3) // 4
    words = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=tf.stack([lanes, 4]), key=tf.reshape(seed, (1,)), counter=counter, alg=_PHILOX, dtype=tf.uint32
    )  # (n, 4)
    return tf.cast(tf.reshape(tf.transpose(words), (-1,))[:count], tf.int64)


TABLE: dict[str, Callable[..., Any]] = {"philox": philox}
