"""Lowerings of unidl.ops.random: drawn without TensorFlow's hidden state, from a seed and a counter kept in one variable.

A traced function holds the variable, not its value, so `random_state` in training.py seeds by writing into it: what was traced before draws
from the new seed too, and the state can be saved in the middle of a run.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.ops.creation import lengths

Tensor: TypeAlias = tf.Tensor


@cache
def state() -> tf.Variable:
    """(seed, draws so far), made on first use, outside any graph."""
    return new_state()


# a state to draw from in place of the process'
_own: ContextVar[tf.Variable | None] = ContextVar("unidl_tensorflow_random_state", default=None)


@contextmanager
def drawing_from(state: tf.Variable) -> Iterator[None]:
    """Inside, random ops draw from that state, (seed, draws so far): an exported program takes its own along."""
    token = _own.set(state)
    try:
        yield
    finally:
        _own.reset(token)


def new_state() -> tf.Variable:
    """A state with a seed by chance, on the CPU."""
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.Variable(
            [secrets.randbits(63), 0],
            dtype=tf.int64,
            trainable=False,
            name="unidl_random_state",
            experimental_enable_variable_lifting=False,  # else a function that draws first is traced twice
        )


def _seed() -> Tensor:
    """The seed of one draw, and a step of the counter."""
    own = _own.get()
    held = state() if own is None else own
    seed = tf.identity(held)  # (2,)
    held.assign_add([0, 1])
    return seed


def _form(shape: Any, dtype: str | None, like: Any) -> tuple[Any, tf.DType]:
    """The shape and dtype of a result."""
    real = like is not None and like.dtype.is_floating
    kind = tf.as_dtype(dtype if dtype is not None else like.dtype if real else "float32")
    return tf.shape(like) if shape is None else lengths(shape), kind


def uniform(
    shape: Any = None, low: float = 0.0, high: float = 1.0, dtype: str | None = None, like: Any = None
) -> Tensor:
    shape, kind = _form(shape, dtype, like)
    return tf.random.stateless_uniform(shape, _seed(), low, high, kind)


def normal(
    shape: Any = None, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, like: Any = None
) -> Tensor:
    shape, kind = _form(shape, dtype, like)
    return tf.random.stateless_normal(shape, _seed(), mean, stddev, kind)


def randint(shape: Any = None, low: int = 0, high: int = 2, dtype: str | None = None, like: Any = None) -> Tensor:
    shape, kind = _form(shape, dtype or "int64", like)
    return tf.cast(tf.random.stateless_uniform(shape, _seed(), low, high, tf.int64), kind)


def permutation(count: int, like: Any = None) -> Tensor:
    return tf.random.experimental.stateless_shuffle(tf.range(tf.cast(count, tf.int64)), _seed())  # (count,)


TABLE: dict[str, Callable[..., Any]] = {
    "random_uniform": uniform,
    "random_normal": normal,
    "random_randint": randint,
    "random_permutation": permutation,
}
