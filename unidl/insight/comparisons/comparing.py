"""`unidl.compare`: the same code on several backends, measured side by side."""

from __future__ import annotations

import datetime as dt
import inspect
import itertools
import linecache
import os
import pickle
import secrets
import sys
import tempfile
import tokenize
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle

from unidl import distribution, losses, optimizers
from unidl.arguments import fits_something, flag, items, number, optional, positive, refuse, texts
from unidl.backends import registry
from unidl.backends.keras_engine import ENGINES
from unidl.capture import told_arguments
from unidl.errors import ArgumentError, BackendUnavailableError
from unidl.files import checked_path
from unidl.insight.comparison import Comparison
from unidl.insight.comparisons import machine
from unidl.insight.comparisons.advice import advise, distances
from unidl.insight.comparisons.conductor import PARTS, Conductor, Plan
from unidl.insight.comparisons.job import Job, Way, Work
from unidl.metrics import get as get_metric
from unidl.settings import Choice
from unidl.terminal import console, plain
from unidl.training.given import checked_jit


@told_arguments
def compare(
    build: Callable[[], Any] | str | os.PathLike[str],
    data: Any = None,
    *,
    backends: Sequence[str] | None = None,
    engines: Sequence[str] | None = None,
    jit: bool | str | Sequence[bool | str] | None = None,
    threads: int | Sequence[int | None] | None = 1,
    arguments: Sequence[str] = (),
    loss: Any = None,
    optimizer: Any = "adam",
    metrics: Sequence[Any] = (),
    rounds: int = 5,
    quick: bool = False,
    without: Sequence[str] = (),
    timeout: float = 3600.0,
    progress: bool = True,
    **fit: Any,
) -> Comparison:
    """Run the same code on several backends, each in processes of its own, and measure them in turn.

    What each figure is and how it is measured is in `unidl.insight.comparison.FIGURES` and docs/compare.md. Every framework has one
    thread unless `threads` says otherwise; device, precision and all else are what the code says.

    Args:
        build: A function that makes the Trainer, or a model, which then gets `loss`, `optimizer` and `metrics`; it may be one of a
            notebook. Or the path of a script, which is run as it is; its last Trainer is measured.
        data: What the Trainer trains on: (x, y, sample_weight), (x, y), or x, or a source of batches, or a function that gives one of these. None for a script.
        backends: Their names; None is all that are installed. One that is missing is a run that failed.
        engines: Engines for the backend that runs on one (Keras): a run for each. None is the engine in force.
        jit: What Trainers are told instead of what the code says; a sequence makes a run of each. None leaves it.
        threads: For each framework; None is its own choice; a sequence makes a run of each.
        arguments: A script's, its sys.argv[1:].
        loss: For a function that makes a model.
        optimizer: Likewise.
        metrics: Likewise.
        rounds: How often everything is measured that can be measured more than once; a fresh process is started in three of them.
        quick: Half a minute for a small training instead of minutes: few and short rounds, one of them with a fresh process, and only each
            framework's own export formats.
        without: What is left out: "edit" (the fresh processes: import, first step, edit), "exports", "source", "debugging",
            "inspections".
        timeout: Seconds after which the code is given up.
        progress: Whether to say on standard error what is being done.
        **fit: Arguments of `Trainer.fit` for functions: epochs, batch_size, validation_data, callbacks.

    Returns:
        The comparison. Print it with rich, `save` it, compare it with an older one. A run that failed is in it with its error.

    Raises:
        ArgumentError: There is nothing to compare, or an argument does not go with it.
        BackendUnavailableError: A backend is misspelt.

    Example:
        >>> import numpy, unidl
        >>> def build():
        ...     return unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse")
        >>> x = numpy.random.default_rng(0).normal(size=(64, 3)).astype("float32")
        >>> c = unidl.compare(build, (x, x[:, :1]), backends=["torch"], quick=True, without=["exports"], progress=False)
        >>> c.runs[0].failure, sorted(c.runs[0].figures)[:3]
        (None, ['build', 'compile', 'edit'])
    """
    script = None if callable(build) else checked_path(build, "unidl.compare")
    flag("compare", "quick", quick)
    flag("compare", "progress", progress)
    number("compare", "timeout", timeout, above=0)
    _check_training(loss, optimizer, metrics)
    _check(build, script, data, arguments, rounds, without)
    ways = _ways(backends, engines, jit, threads)
    screen = console(sys.stderr)

    def tell(sentence: str) -> None:
        if progress:
            screen.print(plain(f"unidl compare: {sentence}", "dim"))

    before = machine.load()
    with tempfile.TemporaryDirectory(prefix="unidl-compare-") as folder:
        maker: _Scripts | _Functions
        if script is not None:
            maker = _Scripts(script, arguments, Path(folder))
        else:
            given = {"loss": loss, "optimizer": optimizer, "metrics": metrics}
            maker = _Functions(Work(build, given, fit), data, Path(folder))
        plan = _plan(rounds, quick, timeout, frozenset(without))
        conductor = Conductor(maker.written(), maker.edited, plan, Path(folder), script is not None, tell)
        runs = tuple(conductor.conduct(ways))
    return Comparison(
        name=maker.name,
        code=maker.code,
        made=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        machine=machine.described() | {"load": [before, machine.load()], "quick": quick},
        runs=runs,
        distances=distances(runs),
        advice=advise(runs),
    )


def _plan(rounds: int, quick: bool, limit: float, without: frozenset[str]) -> Plan:
    fresh = 0 if "edit" in without else 1 if quick else min(rounds, 3)
    return Plan(3 if quick else rounds, fresh, 0.3 if quick else 0.6, not quick, limit, without)


def _check(
    build: Any, script: Path | None, data: Any, arguments: Sequence[str], rounds: int, without: Sequence[str]
) -> None:
    if script is not None and not script.is_file():
        raise ArgumentError(f"There is no script {str(build)!r} here ({Path.cwd()}).")
    if script is not None:
        _check_is_python(script)
    if script is None and data is None:
        raise ArgumentError(
            "A function is compared on data.",
            expected="compare(build, data)",
            fix="data=(x, y), or a function that loads them.",
        )
    if script is not None and data is not None:
        raise ArgumentError("A script has its own data.", received="data", fix="Leave it out.")
    if texts("compare", "arguments", arguments) and script is None:
        raise ArgumentError("arguments are those of a script.", received=repr(arguments))
    unknown = [part for part in texts("compare", "without", without) if part not in PARTS]
    fits_something("compare", "without", unknown, PARTS, "parts of a comparison")
    positive("compare", "rounds", rounds)


def _check_training(loss: Any, optimizer: Any, metrics: Any) -> None:
    """What a function's model gets, looked at before a process is started."""
    if loss is not None:
        losses.get(loss)
    for one in optimizer.values() if isinstance(optimizer, dict) else [optimizer]:
        optimizers.get(one)
    for metric in items("compare", "metrics", metrics, "metrics"):
        get_metric(metric)


# -- the ways ------------------------------------------------------------------------------------------------------------------


def _check_is_python(script: Path) -> None:
    """Refuse what can be no script, before processes are started."""
    try:
        with tokenize.open(script) as file:
            compile(file.read(), str(script), "exec")
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise ArgumentError(
            f"{str(script)!r} is no Python script: {error}.",
            expected="a script that trains with unidl.Trainer",
            fix="`unidl inspect` looks at a saved model; `unidl compare OLD.json NEW.json` at two comparisons.",
        ) from error


def _ways(backends: Any, engines: Any, jit: Any, threads: Any) -> list[Way]:
    names = list(registry.installed() if backends is None else texts("compare", "backends", backends))
    for name in names:
        registry.check_known(Choice(name, "backends="))
    _check_engines(engines, names)
    if backends is not None and not names:
        raise refuse("compare", "backends", "a list of at least one backend", backends)
    if not names:
        raise BackendUnavailableError(
            "There is no backend to compare.", fix=f"Install all of them with:  {distribution.install('all')}"
        )
    jits = [one if one is None else checked_jit("compare", one) for one in _several("jit", jit)]
    counts = [optional(positive, "compare", "threads", one) for one in _several("threads", threads)]
    ways = []
    for name in names:
        under = list(engines) if engines and registry.entries()[name].engine else [None]
        for engine, one, count in itertools.product(under, jits, counts):
            label = name if engine is None else f"{name} on {engine}"
            if len(jits) > 1 and one:
                label += ", jit" if one is True else f", jit {one}"
            if len(counts) > 1:
                label += ", default threads" if count is None else f", {count} thread{'s' * (count != 1)}"
            ways.append(Way(label, name, engine, one, count))
    if len({way.label for way in ways}) < len(ways):
        raise ArgumentError("Something is to be compared with itself.", received=", ".join(way.label for way in ways))
    return ways


def _several(name: str, value: Any) -> list[Any]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise refuse("compare", name, "a value, or a list of at least one", value)
        return list(value)
    return [value]


def _check_engines(engines: Any, names: Sequence[str]) -> None:
    """Refuse engines that no backend of the comparison runs on."""
    asked = () if engines is None else texts("compare", "engines", engines)
    fits_something("compare", "engines", [one for one in asked if one not in ENGINES], ENGINES, "engines")
    if asked and not any(registry.entries()[name].engine for name in names):
        raise refuse("compare", "engines", "nothing, where no backend that is compared runs on an engine", engines)


# -- what is written for the processes -----------------------------------------------------------------------------------------


class _Scripts:
    """A script, and copies of it with a change."""

    def __init__(self, script: Path, arguments: Sequence[str], folder: Path) -> None:
        self.folder = folder
        self.script = script.absolute()
        self.name = script.name
        with tokenize.open(script) as file:  # as its first lines say that it is encoded
            self.code = file.read()
        self.job = Job(str(script.absolute()), str(script), tuple(arguments), None, "", (), {})

    def written(self) -> Path:
        """The job."""
        return _write(self.folder, self.job)

    def edited(self) -> Path:
        """The job with a copy of the script that was changed just now."""
        copy = Path(self.folder, f"{secrets.token_hex(4)}.py")
        copy.write_bytes(self.script.read_bytes() + f"\n# edited: {secrets.token_hex(8)}\n".encode())
        return _write(self.folder, replace(self.job, edited=str(copy)))


class _Functions:
    """Functions, and the building one with a change."""

    def __init__(self, work: Work, data: Any, folder: Path) -> None:
        self.folder = folder
        self.work = work
        self.name = _name_of(work.build)
        self.code = _code_of(work.build)
        kept = Path(folder, "data")
        kept.write_bytes(_pickled(data))
        self.job = Job(None, "", (), _pickled(work), str(kept), tuple(sys.path), _sources())

    def written(self) -> Path:
        """The job."""
        return _write(self.folder, self.job)

    def edited(self) -> Path:
        """The job with a function that was changed just now."""
        changed = replace(self.work, build=_changed(self.work.build))
        return _write(self.folder, replace(self.job, work=None, edited=_pickled(changed)))


def _write(folder: Path, job: Job) -> Path:
    path = Path(folder, f"{secrets.token_hex(4)}.job")
    path.write_bytes(pickle.dumps(job))
    return path


def _pickled(what: Any) -> bytes:
    try:
        pickled: bytes = cloudpickle.dumps(what)
    except (TypeError, pickle.PicklingError, AttributeError) as error:
        raise ArgumentError(
            "The functions cannot be brought to another process.",
            expected="functions that make what they need themselves, and plain arrays beside them",
            received=f"{type(error).__name__}: {error}",
            fix="Open files, make models and frameworks' tensors inside build and data.",
        ) from error
    return pickled


def _changed(build: Any) -> Any:
    """The function with another constant in its code, as after an edit; something else that can be called stays as it is."""
    if not isinstance(build, types.FunctionType):
        return build
    code = build.__code__.replace(co_consts=(*build.__code__.co_consts, secrets.token_hex(8)))
    made = types.FunctionType(code, build.__globals__, build.__name__, build.__defaults__, build.__closure__)
    made.__kwdefaults__, made.__module__, made.__qualname__ = build.__kwdefaults__, build.__module__, build.__qualname__
    return made


def _sources() -> Mapping[str, list[str]]:
    """Code that lies in no file: a notebook keeps its cells in linecache."""
    kept = {name: entry for name, entry in linecache.cache.items() if len(entry) == 4 and entry[1] is None}
    return {name: list(entry[2]) for name, entry in kept.items()}


def _name_of(build: Any) -> str:
    """The function's name, with its file's where it lies in one."""
    name: str = getattr(build, "__name__", type(build).__name__)
    file = Path(getattr(getattr(build, "__code__", None), "co_filename", ""))
    return f"{file.name}: {name}" if file.is_file() else name


def _code_of(build: Any) -> str:
    """Its source, behind that of the functions and classes beside it which it uses."""
    found: dict[int, str] = {}

    def add(thing: Any) -> None:
        functions = [thing] if inspect.isfunction(thing) else [f for f in vars(thing).values() if inspect.isfunction(f)]
        found[id(thing)] = ""  # they may use each other
        for used in [value for f in functions for value in inspect.getclosurevars(f).globals.values()]:
            if _lies_beside(used, thing) and id(used) not in found:
                add(used)
        del found[id(thing)]
        found[id(thing)] = _source_of(thing)

    if not inspect.isfunction(build):
        return _source_of(build)
    add(build)
    return "\n\n".join(text for text in found.values() if text)


def _lies_beside(one: Any, other: Any) -> bool:
    return getattr(one, "__module__", None) == other.__module__ and (inspect.isfunction(one) or inspect.isclass(one))


def _source_of(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):  # Python's own prompt keeps no source
        return ""
