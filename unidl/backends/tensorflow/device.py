"""Where TensorFlow computes: its logical devices, counted without starting its runtime (which would fix their configuration)."""

from __future__ import annotations

import functools

import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port

from unidl.backends.device_name import listed, select
from unidl.settings import Choice


def version() -> str:
    """TensorFlow's version."""
    return str(tf.__version__)


def count(kind: str) -> int:
    """The logical devices of a kind ("CPU", "GPU"): a visible device counts as often as the user splits it."""
    split = (tf.config.get_logical_device_configuration(device) for device in tf.config.get_visible_devices(kind))
    return sum(len(parts or (None,)) for parts in split)


def devices() -> tuple[str, ...]:
    """The devices there are: "cpu" ("cpu:0", "cpu:1" where it is split) and "gpu:0"."""
    return listed(count("CPU"), count("GPU"))


def device(wanted: Choice | str) -> str:
    """TensorFlow's own name of the device for "cpu", "gpu", "gpu:1" or "auto", as `tf.device` takes it."""
    kind, index = select(wanted, devices(), "tensorflow")
    return f"/device:{kind.upper()}:{index}"


@functools.cache
def on_cpu() -> bool:
    """Whether there is nothing but a CPU to compute on. Asking starts TensorFlow's runtime, as a tensor does."""
    return not tf.config.list_logical_devices("GPU")


def by_onednn() -> bool:
    """Whether oneDNN's kernels take the place of TensorFlow's own on a CPU, as they do where it has instructions for them."""
    return bool(_pywrap_util_port.IsMklEnabled())
