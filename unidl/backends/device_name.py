"""Names of devices, the same for every backend: cpu, gpu, gpu:1, auto.

A backend lists what there is by these names; which of them is meant, and what to say when it is not there, is decided here.
"""

from __future__ import annotations

import re

from unidl import habits
from unidl.errors import DeviceError
from unidl.settings import Choice, chosen_device

KNOWN = "cpu, gpu, a numbered one such as gpu:1, or auto (the first GPU, else the CPU)"

# People write the name of their GPU's maker; which one is there is the framework's business.
KINDS = {"cpu": "cpu", "gpu": "gpu", "cuda": "gpu", "mps": "gpu"}

_NAME = re.compile(r"(?P<kind>[a-z]+)(?::(?P<index>\d+))?")


def listed(cpus: int, gpus: int) -> tuple[str, ...]:
    """The devices' names: "cpu" (numbered only where a framework splits it in several), "gpu:0", "gpu:1"."""
    processors = ("cpu",) if cpus == 1 else tuple(f"cpu:{index}" for index in range(cpus))
    return (*processors, *(f"gpu:{index}" for index in range(gpus)))


def select(wanted: Choice | str, devices: tuple[str, ...], backend: str) -> tuple[str, int]:
    """The kind ("cpu" or "gpu") and the number of the device that is meant.

    Args:
        wanted: The name with its origin, from `unidl.settings.chosen_device`; a plain name came as the argument.
        devices: What there is, from `listed`.
        backend: Name of the backend that asks, for the message.

    Raises:
        DeviceError: The name is none, or that device is not there.
    """
    choice = wanted if isinstance(wanted, Choice) else chosen_device(wanted)
    name = _name(choice)
    gpus = [device for device in devices if device.startswith("gpu")]
    if name == "auto":
        return ("gpu" if gpus else "cpu", 0)
    match = _read(choice, devices)
    kind, index = KINDS[match["kind"]], int(match["index"] or 0)
    there = gpus if kind == "gpu" else [device for device in devices if device.startswith("cpu")]
    if index >= len(there):
        fix = f"Write one of: {', '.join((*devices, 'auto'))}."
        if kind == "gpu" and not gpus:
            fix += f" Backend {backend!r} sees no GPU; if the machine has one, install the framework's build for it."
        raise DeviceError(
            f"Device {choice.value!r} (from {choice.source}) is not there for backend {backend!r}.",
            expected=f"one of {', '.join(devices)}",
            received=repr(choice.value),
            fix=fix,
        )
    return kind, index


def check_name(choice: Choice) -> None:
    """Look whether it is the name of a device, without asking a framework which there are.

    Raises:
        DeviceError: It is none.
    """
    if _name(choice) != "auto":
        _read(choice, ("cpu", "gpu", "gpu:1"))


def _name(choice: Choice) -> str:
    value: object = choice.value  # an argument may be anything
    return value.strip().lower() if isinstance(value, str) else repr(value)


def _read(choice: Choice, devices: tuple[str, ...]) -> re.Match[str]:
    name = _name(choice)
    match = _NAME.fullmatch(name)
    if match is None or match["kind"] not in KINDS:
        way = habits.suggestion(name, habits.DEVICES)
        raise DeviceError(
            f"There is no device {choice.value!r} (from {choice.source}).",
            expected=KNOWN,
            received=repr(choice.value),
            fix=f"Write {way or 'one of: ' + ', '.join((*devices, 'auto'))}.",
        )
    return match
