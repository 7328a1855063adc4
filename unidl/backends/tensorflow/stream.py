"""random="portable" on TensorFlow: (seed, step) is a variable of each adapter, and none of its `variables`.

A graph holds the variable, so it draws anew at each step, of which a `tf.while_loop` may take many.
"""

from __future__ import annotations

import tensorflow as tf

from unidl.backends.tensorflow.module import Adapter
from unidl.ops.stream import state_of


def set_random_state(native: tf.Module, seed: int, step: int) -> None:
    """The seed, and how many steps were taken."""
    if isinstance(native, Adapter):
        native.unidl.random_state.assign(state_of(seed, step))


def next_random_state(native: Adapter) -> tf.Tensor:
    """Take the module to its next step; the state there."""
    return native.unidl.next_random_state()
