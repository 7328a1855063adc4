"""Lowerings of unidl.ops.random: drawn without TensorFlow's hidden state, from a seed and a counter kept in one variable.

A traced function holds the variable, not its value, so `random_state` in training.py seeds by writing into it: what was traced before draws
from the new seed too, and the state can be saved in the middle of a run.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from unidl.backends.tensorflow.ops.creation import lengths
from unidl.backends.tensorflow.tensor import to_tensor
from unidl.within import within

Tensor: TypeAlias = tf.Tensor


class Process:
    """The process' state, (seed, draws so far): a variable from the first draw on, numbers until then.

    A Trainer reads and writes it at each epoch, which for a model that draws nothing costs no operation so.
    """

    def __init__(self) -> None:
        self._numbers = np.array([secrets.randbits(63), 0])
        self._variable: tf.Variable | None = None

    def variable(self) -> tf.Variable:
        """What draws are made from, outside any graph."""
        if self._variable is None:
            self._variable = new_state(self._numbers)
        return self._variable

    def read(self) -> np.ndarray:
        """What it is now."""
        return self._numbers.copy() if self._variable is None else self._variable.numpy()  # type: ignore[no-any-return]

    def write(self, numbers: Any) -> None:
        """Make it that."""
        if self._variable is None:
            self._numbers = np.array(numbers, np.int64)
        else:  # not its own `assign`, on which Python has much to do
            value = to_tensor(np.asarray(numbers), "int64")
            tf.raw_ops.AssignVariableOp(resource=self._variable.handle, value=value)


PROCESS = Process()


# a state to draw from in place of the process'
_own: ContextVar[tf.Variable | None] = ContextVar("unidl_tensorflow_random_state", default=None)


def drawing_from(state: tf.Variable) -> within[tf.Variable]:
    """Inside, random ops draw from that state, (seed, draws so far): an exported program takes its own along."""
    return within(_own, state)


def new_state(numbers: Any = None) -> tf.Variable:
    """A state of its own, on the CPU; without numbers its seed is by chance."""
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.Variable(
            [secrets.randbits(63), 0] if numbers is None else numbers,
            dtype=tf.int64,
            trainable=False,
            name="unidl_random_state",
            experimental_enable_variable_lifting=False,  # else a function that draws first is traced twice
        )


def _seed() -> Tensor:
    """The seed of one draw, and a step of the counter."""
    own = _own.get()
    held = PROCESS.variable() if own is None else own
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
