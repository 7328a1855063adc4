"""Contexts and settings of TensorFlow that stand around what unidl computes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import tensorflow as tf
from tensorflow.python import pywrap_tfe

from unidl.backends.contract import Purpose
from unidl.errors import ContextError


def ambient(what: str, device: str | None, purpose: Purpose) -> AbstractContextManager[object]:
    """See the contract."""
    if tf.distribute.has_strategy() and not isinstance(tf.distribute.get_strategy(), tf.distribute.OneDeviceStrategy):
        raise ContextError(
            f"{what} inside the scope of a {type(tf.distribute.get_strategy()).__name__}, which makes variables of several devices.",
            expected="one device",
            fix="Leave the scope: unidl builds and trains on one device.",
        )
    if purpose in ("training", "evaluation") and not tf.executing_eagerly():
        raise ContextError(
            f"{what} inside a tf.function or a tf.Graph, where nothing is computed yet.",
            expected="a call from Python; unidl traces the steps into a graph itself",
            fix="Call it outside. A model's own call, model(x), may stand in a tf.function.",
        )
    if purpose in ("training", "gradient") and pywrap_tfe.TFE_Py_TapeSetIsStopped():
        raise ContextError(
            f"{what} where TensorFlow records nothing for gradients (tf.init_scope, tape.stop_recording): all would be zero.",
            fix="Leave the context.",
        )
    return nullcontext()
