"""Which backend and which device are in force: argument > using() > set_backend() > UNIDL_BACKEND > first installed.

Everything is read when it is needed, never at import. `using` holds in one thread or async task; `set_backend` in the process.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass

from unidl.within import within

BACKEND_VARIABLE = "UNIDL_BACKEND"
DEVICE_VARIABLE = "UNIDL_DEVICE"

# How messages name the places where a backend is chosen.
FROM_BLOCK = "unidl.using()"
FROM_PROCESS = "unidl.set_backend()"
FROM_ENVIRONMENT = f"the environment variable {BACKEND_VARIABLE}"


@dataclass(frozen=True)
class Choice:
    """A setting and where it came from, for messages."""

    value: str
    source: str


_using: ContextVar[str | None] = ContextVar("unidl_backend", default=None)
_process: dict[str, str] = {}


def chosen_backend() -> Choice | None:
    """The backend that the user asked for, outside any argument; None when nobody chose."""
    inner = _using.get()
    if inner is not None:
        return Choice(inner, FROM_BLOCK)
    if "backend" in _process:
        return Choice(_process["backend"], FROM_PROCESS)
    variable = os.environ.get(BACKEND_VARIABLE, "").strip()
    return Choice(variable, FROM_ENVIRONMENT) if variable else None


def choose_for_process(name: str) -> None:
    """Record the backend for the rest of the process."""
    _process["backend"] = name


def chosen_in_block(name: str) -> within[str]:
    """Make a backend the one in force inside a `with` block, in this thread or async task only."""
    return within(_using, name)


def chosen_device(argument: str | None = None) -> Choice:
    """The device asked for: the argument, else UNIDL_DEVICE, else "auto"."""
    if argument is not None:
        return Choice(argument, "the argument device=")
    variable = os.environ.get(DEVICE_VARIABLE, "").strip()
    if variable:
        return Choice(variable, f"the environment variable {DEVICE_VARIABLE}")
    return Choice("auto", "the default")
