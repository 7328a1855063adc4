"""Which backends there are: a name leads to a module string, and the module is imported when it is first used.

Nothing else in unidl knows a backend by name. A third party adds one with an entry point of the group `unidl.backends`:
its name is the backend's name, its value the module that fulfils `unidl.backends.contract.Backend`.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from unidl import settings
from unidl.errors import BackendUnavailableError

if TYPE_CHECKING:
    from unidl.backends.contract import Backend

ENTRY_POINTS = "unidl.backends"


@dataclass(frozen=True)
class Entry:
    """Where a backend lives and what it needs.

    Args:
        module: Dotted name of the module that fulfils the contract.
        requires: Top-level packages that must be installed.
        owns: Top-level packages whose tensors are this backend's.
        install: The pip command that brings it.
    """

    module: str
    requires: tuple[str, ...]
    owns: tuple[str, ...]
    install: str


# In the order in which the first installed one is taken when nobody chose.
BUILT_IN: dict[str, Entry] = {
    "torch": Entry("unidl.backends.torch", ("torch",), ("torch",), "pip install 'unidl[torch]'"),
    "keras": Entry("unidl.backends.keras", ("keras",), ("keras", "jax", "jaxlib"), "pip install 'unidl[keras]'"),
    "tensorflow": Entry(
        "unidl.backends.tensorflow", ("tensorflow",), ("tensorflow",), "pip install 'unidl[tensorflow]'"
    ),
}

# What people type from habit.
FOREIGN_NAMES = {"pytorch": "torch", "tf": "tensorflow", "tensorflow2": "tensorflow", "tf.keras": "keras", "keras3": "keras"}

_loaded: dict[str, Backend] = {}
_when_loaded: list[Callable[[Backend], None]] = []


@cache
def entries() -> dict[str, Entry]:
    """All backends that are known, ours and third parties', installed or not."""
    known = dict(BUILT_IN)
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        if point.name not in known:
            module = point.value.split(":")[0]
            package = module.split(".")[0]
            known[point.name] = Entry(module, (package,), (package,), f"pip install {package}")
    return known


def missing_packages(name: str) -> tuple[str, ...]:
    """The packages that a backend needs and that are not installed."""
    return tuple(p for p in entries()[name].requires if importlib.util.find_spec(p) is None)


def installed() -> tuple[str, ...]:
    """The backends whose packages are installed, in the order of preference."""
    return tuple(name for name in entries() if not missing_packages(name))


def in_force(argument: str | None = None) -> settings.Choice:
    """The backend's name in force, and where the choice came from.

    Raises:
        BackendUnavailableError: The name is unknown, its package is missing, or no backend is installed.
    """
    choice = settings.Choice(argument, "the argument backend=") if argument is not None else settings.chosen_backend()
    if choice is None:
        candidates = installed()
        if not candidates:
            raise BackendUnavailableError(
                "unidl needs a framework to run on, and none is installed.",
                expected=f"one of the packages {', '.join(BUILT_IN)}",
                fix=f"{BUILT_IN['torch'].install}, or any other of: {', '.join(BUILT_IN)}",
            )
        return settings.Choice(candidates[0], "the first installed")
    check(choice)
    return choice


def check(choice: settings.Choice) -> None:
    """Refuse a backend that is misspelt or whose package is not installed."""
    name = choice.value
    if name not in entries():
        close = FOREIGN_NAMES.get(str(name).lower()) or next(iter(difflib.get_close_matches(str(name), entries(), 1)), None)
        raise BackendUnavailableError(
            f"There is no backend {name!r} (from {choice.source}).",
            expected=f"one of {', '.join(entries())}",
            received=repr(name),
            fix=(f"Write {close!r}. " if close else "") + f"Installed backends: {', '.join(installed()) or 'none'}.",
        )
    missing = missing_packages(name)
    if missing:
        raise BackendUnavailableError(
            f"Backend {name!r} (from {choice.source}) needs the package {missing[0]!r}, which is not installed.",
            fix=f"Install it with:  {entries()[name].install}\nInstalled backends: {', '.join(installed()) or 'none'}.",
        )


def load(name: str | None = None) -> Backend:
    """The backend itself, imported on first use.

    Args:
        name: Its name, or None for the one in force.

    Raises:
        BackendUnavailableError: It is unknown, not installed, or its import fails.
    """
    choice = in_force(name)
    backend = _loaded.get(choice.value)
    return backend if backend is not None else _import(choice)


def _import(choice: settings.Choice) -> Backend:
    entry = entries()[choice.value]
    try:
        module: Any = importlib.import_module(entry.module)
    except Exception as error:  # whatever a broken framework raises while it is imported, told and chained
        raise BackendUnavailableError(
            f"Backend {choice.value!r} (from {choice.source}) is installed but cannot be imported: "
            f"{type(error).__name__}: {error}",
            fix=f"Reinstall it with:  {entry.install}\nInstalled backends: {', '.join(installed())}.",
        ) from error
    _loaded[choice.value] = module
    for callback in _when_loaded:
        callback(module)
    return module


def loaded() -> tuple[Backend, ...]:
    """The backends imported so far."""
    return tuple(_loaded.values())


def when_loaded(callback: Callable[[Backend], None]) -> None:
    """Call `callback` with each backend that is loaded, those loaded already included."""
    _when_loaded.append(callback)
    for backend in loaded():
        callback(backend)


def owner_of(value: object) -> str | None:
    """The name of the backend to which a framework's tensor belongs, by the package its class comes from."""
    roots = [base.__module__.partition(".")[0] for base in type(value).__mro__]
    for root in roots:
        for name, entry in entries().items():
            if root in entry.owns:
                return name
    return None
