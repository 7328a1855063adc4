"""A function as TensorFlow runs a training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    return tf.function(function, autograph=False)
