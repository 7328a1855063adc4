"""Where Keras' engine computes."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from unidl.backends.device_name import listed, select
from unidl.backends.keras.engine import ENGINE, keras, own_backend
from unidl.settings import Choice


def version() -> str:
    """Keras' version."""
    return str(keras.__version__)


def _in_tensorflow(tensorflow: Any) -> tuple[int, str, int]:
    config = tensorflow.config

    def count(kind: str) -> int:
        return sum(len(config.get_logical_device_configuration(d) or (None,)) for d in config.get_visible_devices(kind))

    return count("CPU"), "gpu", count("GPU")


def _in_torch(torch: Any) -> tuple[int, str, int]:
    if not torch.accelerator.is_available():
        return 1, "gpu", 0
    return 1, torch.accelerator.current_accelerator().type, torch.accelerator.device_count()


def _in_jax(jax: Any) -> tuple[int, str, int]:
    return len(jax.local_devices(backend="cpu")), "gpu", sum(device.platform == "gpu" for device in jax.local_devices())


_COUNTERS = {"tensorflow": _in_tensorflow, "torch": _in_torch, "jax": _in_jax}


def _counted() -> tuple[int, str, int]:
    """CPUs, the engine's name for a GPU, and GPUs. Keras has imported its engine."""
    return _COUNTERS[ENGINE](sys.modules[ENGINE])


def devices() -> tuple[str, ...]:
    """The engine's devices: "cpu" and "gpu:0"."""
    cpus, _, gpus = _counted()
    return listed(cpus, gpus)


def device(wanted: Choice | str) -> str:
    """The name of the device for "cpu", "gpu", "gpu:1" or "auto", as `keras.device` takes it."""
    _, gpu, _ = _counted()
    kind, index = select(wanted, devices(), "keras")
    if ENGINE == "torch" and kind == "cpu":
        return kind  # torch's own CPU tensors are on "cpu"; on "cpu:0" Keras' variables would be copies, no parameters
    return f"{gpu if kind == 'gpu' else kind}:{index}"


@cache
def of_engine(device: str) -> Any:
    """The same device as the engine's own backend has it; None for "meta", and where there is no such backend."""
    own = own_backend()
    kind, _, index = device.partition(":")
    if own is None or kind == "meta":
        return None
    return own.device(f"{'cpu' if kind == 'cpu' else 'gpu'}:{index or 0}")
