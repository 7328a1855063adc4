"""What does not change from step to step, made once, before the loop in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar

import tensorflow as tf

from unidl.within import within

# the graph around the loop whose body is being traced, and the most examples that a batch has there
_around: ContextVar[tuple[tf.Graph, tf.Tensor] | None] = ContextVar("unidl_tensorflow_around", default=None)


def steps_of(most: tf.Tensor) -> within[tuple[tf.Graph, tf.Tensor]]:
    """Inside, the body of a loop over batches is traced, each of at most so many examples."""
    return within(_around, (tf.compat.v1.get_default_graph(), tf.cast(most, tf.int32)))


def zeros(before: Sequence[int], batch: tf.Tensor, after: Sequence[int], dtype: tf.DType) -> tf.Tensor:
    """(*before, batch, *after), all 0. In a loop it is a part of what was filled before it; for a whole batch without a copy.

    Where the length of the batch is known TensorFlow does so by itself.
    """
    around = _around.get()
    if around is None:
        return tf.zeros([*before, batch, *after], dtype)
    graph, most = around
    with graph.as_default():
        whole = tf.zeros([*before, most, *after], dtype)

    def part() -> tf.Tensor:
        return tf.slice(whole, [0] * whole.shape.rank, [*before, batch, *after])

    # a layer may have made more examples of those that the step began with
    return tf.cond(batch <= most, part, lambda: tf.zeros([*before, batch, *after], dtype))
