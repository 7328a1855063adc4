"""Lowerings of unidl.ops.random: drawn without TensorFlow's hidden state, from a seed and a counter kept in one variable.

A traced function holds the variable, not its value, so `random_state` in training.py seeds by writing into it: what was traced before draws
from the new seed too, and the state can be saved in the middle of a run.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from unidl.backends.tensorflow.ops.creation import lengths
from unidl.backends.tensorflow.tensor import to_tensor
from unidl.within import within

Tensor: TypeAlias = tf.Tensor


class State:
    """(seed, draws so far): a variable from the first draw on, numbers until then. Its seed is by chance until it is written.

    A Trainer reads and writes its own at each epoch, which for a model that draws nothing costs no operation so.

    Args:
        variable: The variable, where there is one already.
    """

    def __init__(self, variable: tf.Variable | None = None) -> None:
        self._numbers = np.array([secrets.randbits(63), 0])
        self._variable = variable
        self._lock = threading.RLock()

    @property
    def is_drawn_from(self) -> bool:
        """Whether anything was drawn from it, or some graph may draw."""
        return self._variable is not None

    def variable(self) -> tf.Variable:
        """What draws are made from, outside any graph."""
        with self._lock:
            if self._variable is None:
                self._variable = new_state(self._numbers)
        return self._variable

    def next(self) -> Tensor:
        """The seed of one draw, and a step of the counter."""
        held = self.variable()
        with self._lock:  # two threads that draw at once draw different numbers
            seed = tf.identity(held)  # (2,)
            held.assign_add([0, 1])
        return seed

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


PROCESS = State()


# a state to draw from in place of the process'
_own: ContextVar[State | None] = ContextVar("unidl_tensorflow_random_state", default=None)


def drawing_from(state: State) -> within[State]:
    """Inside, random ops draw from that state: a run has its own, and an exported program takes its own along."""
    return within(_own, state)


def drawn_from() -> State:
    """The state that random ops draw from here."""
    return _own.get() or PROCESS


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
    return drawn_from().next()


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
