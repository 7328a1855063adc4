"""Contexts and settings of TensorFlow that stand around what unidl computes."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager, nullcontext

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import context as eager

from unidl.access import mark_forked
from unidl.backends.contract import Purpose
from unidl.errors import ContextError, ForkError

_lost = threading.Event()  # whether this is the child of a fork, and TensorFlow's threads are the parent's


def _after_fork() -> None:
    """In the child of a fork TensorFlow's threads are missing, if it had any: what waits for them waits forever."""
    started = eager.context_safe()
    if started is not None and started._context_handle is not None:
        _lost.set()
        mark_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def ambient(what: str, device: str | None, purpose: Purpose) -> AbstractContextManager[object]:
    """See the contract."""
    if _lost.is_set():
        raise ForkError(
            f"{what} in the child of a fork: TensorFlow ran in the parent, and the threads that it waits for are not here.",
            expected="a process in which TensorFlow did not run before the fork",
            fix="Build or load the model in the child, the parent having built none; or start processes with "
            'multiprocessing.get_context("spawn").',
        )
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
