"""Which backend: argument > using() > set_backend() > UNIDL_BACKEND > first installed of torch, keras, tensorflow.

The choice is read when it is needed. `using` holds in one thread or async task and ends with its block; `set_backend` holds in
the process; the environment variable may change until the moment it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from unidl import settings
from unidl.backends import registry
from unidl.capture import told_arguments
from unidl.errors import BackendUnavailableError
from unidl.settings import Choice


@dataclass(frozen=True)
class BackendRecord:
    """What is known of a backend on this machine.

    Args:
        name: The name that chooses it.
        version: The framework's version; None if it cannot be used.
        devices: What it computes on: "cpu", "gpu:0".
        engine: What computes beneath, where there is a choice (Keras); else None.
        problem: Why it cannot be used, and what to do; None if it can.
    """

    name: str
    version: str | None = None
    devices: tuple[str, ...] = ()
    engine: str | None = None
    problem: str | None = None


def backend() -> str:
    """The name of the backend in force here.

    Raises:
        BackendUnavailableError: The name chosen is unknown, its package is missing, or no backend is installed.

    Example:
        >>> import unidl
        >>> with unidl.using("torch"):
        ...     unidl.backend()
        'torch'
    """
    return registry.in_force().value


@told_arguments
def set_backend(name: str) -> None:
    """Choose the backend from now on, in this process; checked at once, imported when it is first used.

    Args:
        name: "torch", "keras", "tensorflow", or the name of a third party's backend.

    Raises:
        BackendUnavailableError: There is no such backend, or its package is not installed. The choice stays as it was.

    Example:
        >>> import unidl
        >>> unidl.set_backend("pytorch")
        Traceback (most recent call last):
        ...
        unidl.errors.BackendUnavailableError: There is no backend 'pytorch' (from unidl.set_backend()).
        Expected: one of torch, keras, tensorflow
        Received: 'pytorch'
        Fix: Write torch. Installed backends: ...
    """
    registry.check(Choice(name, settings.FROM_PROCESS))
    settings.choose_for_process(name)


@told_arguments
@contextmanager
def using(name: str) -> Iterator[None]:
    """Choose the backend inside a `with` block, in this thread or async task only.

    Args:
        name: As for `set_backend`.

    Raises:
        BackendUnavailableError: There is no such backend, or its package is not installed; told on entry.

    Example:
        >>> import unidl
        >>> with unidl.using("keras"):
        ...     unidl.backend()
        'keras'
    """
    registry.check(Choice(name, settings.FROM_BLOCK))
    with settings.chosen_in_block(name):
        yield


def available() -> tuple[BackendRecord, ...]:
    """Every backend that is known, with what it runs on here, or why it cannot be used.

    Imports the installed frameworks, which takes seconds and settles Keras' engine for the process.

    Example:
        >>> import unidl
        >>> for record in unidl.available():
        ...     print(record.name, record.version, record.devices, record.problem)
        torch ...
        keras ...
        tensorflow ...
    """
    return tuple(_record(name) for name in registry.entries())


def _record(name: str) -> BackendRecord:
    try:
        found = registry.load(name)
    except BackendUnavailableError as error:
        return BackendRecord(name, problem=str(error))
    return BackendRecord(name, found.version(), found.devices(), found.ENGINE)
