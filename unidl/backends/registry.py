"""Which backends there are: a name leads to a module string, and the module is imported when it is first used.

Nothing else in unidl knows a backend by name. A third party adds one with an entry point of the group `unidl.backends`:
its name is the backend's name, its value the module that fulfils `unidl.backends.contract.Backend`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unidl import distribution, habits, settings
from unidl.errors import BackendUnavailableError

if TYPE_CHECKING:
    from unidl.backends.contract import Backend

ENTRY_POINTS = "unidl.backends"


@dataclass(frozen=True)
class Format:
    """A file format of a framework's own, into which its backend exports.

    Args:
        name: As it is asked for.
        suffix: How its files end; "" for a folder.
        requires: Packages that writing it needs beside the backend's.
        install: The pip command that brings them.
        options: Arguments of `unidl.export` that its writer takes -> the values there are; () for a positive number.
    """

    name: str
    suffix: str
    requires: tuple[str, ...] = ()
    install: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """Where a backend lives and what it needs.

    Args:
        module: Dotted name of the module that fulfils the contract.
        requires: Top-level packages that must be installed.
        owns: Top-level packages whose tensors are this backend's.
        install: The pip command that brings it.
        formats: What it exports (see `unidl.export`); its module's `WRITERS` has a function for each.
        weights: How files of weights end that it reads (see `unidl.load_weights`); its `READERS` has a function for each.
        safetensors: What a safetensors file with its arrays says of itself as "format".
        engine: The environment variable that chooses what computes beneath, where there is a choice.
    """

    module: str
    requires: tuple[str, ...]
    owns: tuple[str, ...]
    install: str
    formats: tuple[Format, ...] = ()
    weights: tuple[str, ...] = ()
    safetensors: str = ""
    engine: str = ""


# In the order in which the first installed one is taken when nobody chose.
BUILT_IN: dict[str, Entry] = {
    "torch": Entry(
        "unidl.backends.torch",
        ("torch",),
        ("torch",),
        distribution.install("torch"),
        (
            Format("pt2", ".pt2"),
            Format("onnx", ".onnx", ("onnx", "onnxscript"), distribution.install("onnx")),
        ),
        (".pt", ".pth"),
        "pt",
    ),
    "keras": Entry(
        "unidl.backends.keras",
        ("keras",),
        ("keras", "jax", "jaxlib"),
        distribution.install("keras"),
        (Format("keras", ".keras", options={"custom": ("constants", "layers")}),),
        (".keras", ".h5", ".hdf5"),
        engine="KERAS_BACKEND",
    ),
    "tensorflow": Entry(
        "unidl.backends.tensorflow",
        ("tensorflow",),
        ("tensorflow",),
        distribution.install("tensorflow"),
        (Format("savedmodel", ""), Format("litert", ".tflite", options={"batch_size": ()})),
        (".index", ""),
        "tf",
    ),
}

_known: dict[str, Entry] = {}
_loaded: dict[str, Backend] = {}
_when_loaded: list[Callable[[Backend], None]] = []
_importing = threading.RLock()  # two threads that load a backend at once import it once
_found: set[str] = (
    set()
)  # packages seen installed; one that is missing is looked for again, it may be installed meanwhile


def entries() -> dict[str, Entry]:
    """All backends that are known, ours and third parties', installed or not."""
    if not _known:  # a plain dict and no functools.cache: torch's compiler reads the one and warns of the other
        found = dict(BUILT_IN)
        for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
            _add_third_party(point, found)
        _known.update(found)  # at once: another thread must not see half of it
    return _known


def _add_third_party(point: importlib.metadata.EntryPoint, known: dict[str, Entry]) -> None:
    distribution = point.dist.name if point.dist is not None else point.module
    if point.name in known:
        warnings.warn(
            f"The package {distribution!r} offers a backend {point.name!r}; that name is taken by "
            f"{known[point.name].module!r}, so it is left out.",
            RuntimeWarning,
            stacklevel=3,
        )
        return
    package = point.module.partition(".")[0]
    known[point.name] = Entry(point.module, (package,), (package,), f"pip install {distribution}")


def missing_packages(name: str) -> tuple[str, ...]:
    """The packages that a backend needs and that are not installed."""
    return not_installed(entries()[name].requires)


def not_installed(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the packages that are not there."""
    return tuple(package for package in packages if not _is_installed(package))


def formats() -> dict[str, tuple[str, Format]]:
    """Format name -> the backend that writes it, and the format."""
    return {made.name: (name, made) for name, entry in entries().items() for made in entry.formats}


def _is_installed(package: str) -> bool:
    if package not in _found and importlib.util.find_spec(package) is not None:
        _found.add(package)
    return package in _found


def installed() -> tuple[str, ...]:
    """The backends whose packages are installed, in the order of preference."""
    return tuple(name for name in entries() if not missing_packages(name))


def _installed_text() -> str:
    return f"Installed backends: {', '.join(installed()) or 'none'}."


def requested(argument: str | None = None) -> settings.Choice | None:
    """The backend that was asked for, unchecked, and where; None when nobody did."""
    return settings.Choice(argument, "the argument backend=") if argument is not None else settings.chosen_backend()


def in_force(argument: str | None = None) -> settings.Choice:
    """The backend's name in force, and where the choice came from.

    Raises:
        BackendUnavailableError: The name is unknown, its package is missing, or no backend is installed.
    """
    choice = requested(argument)
    if choice is None:
        candidates = installed()
        if not candidates:
            raise BackendUnavailableError(
                "unidl needs a framework to run on, and none is installed.",
                expected=f"one of the packages {', '.join(BUILT_IN)}",
                fix=f"Install one with:  {BUILT_IN['torch'].install}\nOr any other of: {', '.join(BUILT_IN)}.",
            )
        return settings.Choice(candidates[0], f"the first installed of {', '.join(entries())}")
    check(choice)
    return choice


def check(choice: settings.Choice) -> None:
    """Refuse a backend that is misspelt or whose package is not installed.

    Raises:
        BackendUnavailableError: It says what is installed, how to install what is not, and where the choice came from.
    """
    check_known(choice)
    name = choice.value
    missing = missing_packages(name)
    if missing:
        raise BackendUnavailableError(
            f"Backend {name!r} (from {choice.source}) needs the package {missing[0]!r}, which is not installed.",
            fix=f"Install it with:  {entries()[name].install}\n{_installed_text()}",
        )


def check_known(choice: settings.Choice) -> None:
    """Refuse a backend that is misspelt, installed or not.

    Raises:
        BackendUnavailableError: It says which there are.
    """
    name = choice.value
    if not isinstance(name, str) or name not in entries():
        way = habits.suggestion(str(name).strip(), habits.BACKENDS, entries())
        raise BackendUnavailableError(
            f"There is no backend {name!r} (from {choice.source}).",
            expected=f"one of {', '.join(entries())}",
            received=repr(name),
            fix=(f"Write {way}. " if way else "") + _installed_text(),
        )


def load(name: str | None = None) -> Backend:
    """The backend itself, imported on first use.

    Args:
        name: Its name, or None for the one in force.

    Raises:
        BackendUnavailableError: It is unknown, not installed, or its import fails.
    """
    choice = requested(name)
    backend = _loaded.get(choice.value) if choice is not None and isinstance(choice.value, str) else None
    if backend is not None:  # the way of every call that has no tensor: nothing is looked up twice
        return backend
    choice = in_force(name)
    with _importing:
        return _loaded.get(choice.value) or _import(choice)


def _import(choice: settings.Choice) -> Backend:
    entry = entries()[choice.value]
    try:
        module: Any = importlib.import_module(entry.module)
    except BackendUnavailableError:  # it says itself what it lacks
        raise
    except Exception as error:  # a broken framework raises anything while it is imported; told and chained
        raise BackendUnavailableError(
            f"Backend {choice.value!r} (from {choice.source}) is installed but cannot be imported: "
            f"{type(error).__name__}: {error}",
            fix=f"Reinstall it with:  {entry.install.replace('install', 'install --force-reinstall', 1)}\n{_installed_text()}",
        ) from error
    for callback in _when_loaded:
        callback(module)
    _loaded[choice.value] = module  # last: another thread takes it from there without waiting
    backend: Backend = module
    return backend


def loaded() -> tuple[Backend, ...]:
    """The backends imported so far."""
    return tuple(_loaded.values())


# What of the contract a backend's folder `inspection` supplies.
INSPECTION = frozenset(["inspect_model", "inspect_step", "staged", "traces_in", "watch"])


def inspection(package: str, name: str) -> Any:
    """A name of a backend's folder `inspection`, imported when it is asked for; a backend's `__getattr__` calls this.

    It reads more of a framework's inside than the rest: where a release moves that, models and training must not stop.

    Args:
        package: The backend's.
        name: What is asked for.

    Raises:
        AttributeError: It is none of INSPECTION.
        BackendUnavailableError: This release of the framework has not what inspection reads.
    """
    if name not in INSPECTION:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{package}.inspection"), name)
    except ImportError as error:
        backend = importlib.import_module(package)
        raise BackendUnavailableError(
            f"unidl.inspect cannot look into {backend.NAME} {backend.version()}: {error}.",
            expected="a release whose inside is as unidl knows it; the tested ones stand in constraints.txt",
            fix="Models and training do not need it; for inspect install the tested release.",
        ) from error


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
