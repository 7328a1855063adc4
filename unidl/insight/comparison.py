"""What a comparison measured, as data: one run for each way in which the same code ran."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Group

from unidl.errors import FileError
from unidl.files import checked_path, file_errors, write_text
from unidl.insight.comparison_table import drawn, html
from unidl.inspection.inspection import Inspection
from unidl.inspection.record import RecordError, from_json, to_json
from unidl.inspection.timing import Timing
from unidl.visible import visible


@dataclass(frozen=True)
class Failure:
    """Why a run has no figures.

    Args:
        kind: The error's class.
        message: What it said.
        traceback: Its last lines.
    """

    kind: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class NativeSource:
    """What the same model is as code of the framework (unidl.source).

    Args:
        text: The code; "" where it cannot be written.
        lines: Lines that are neither blank nor comment.
        names: Distinct names of the framework in it.
        refused: Why there is none.
    """

    text: str = ""
    lines: int = 0
    names: int = 0
    refused: str = ""


@dataclass(frozen=True)
class Run:
    """The code on one backend, in processes of its own.

    Args:
        label: What tells it from the others: "torch", "keras on tensorflow", "tensorflow, jit".
        backend: The backend's name.
        engine: Keras' engine; None on others.
        jit: What the Trainer was told.
        threads: How many each framework was given; None is its own choice.
        failure: Why it has no figures, or not all; None where it has.
        figures: Name -> figure. The names, their titles and how each is measured are in FIGURES.
        step_loss: The loss of each step.
        metrics: The last epoch's numbers.
        exports: Format -> "" where it works, else the reason.
        source: The framework's own code.
        inspections: "model" and "step"; what inspect found, where asked.
        debugging: {"hits": how often a line of forward was reached, as a debugger sees it, in "steps" training steps, "stops": what
            that means, in words; "arises": when a bug planted in a forward is raised, in words, "depth": frames of its traceback,
            "own": those in user code, "traceback": its text}. {} where nothing was tried.
        exit_code: The script's; None of a function.
        notes: Sentences on this run.
    """

    label: str
    backend: str
    engine: str | None = None
    jit: bool | str = False
    threads: int | None = 1
    failure: Failure | None = None
    figures: Mapping[str, Timing] = field(default_factory=dict)
    step_loss: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)
    source: NativeSource = field(default_factory=NativeSource)
    inspections: Mapping[str, Inspection] = field(default_factory=dict)
    debugging: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """What one of the figures is.

    Args:
        title: For a table's head.
        how: How it is measured, in a sentence.
        better: "less" or "more".
        once: Whether it is measured once, one run after the other, so that a winner needs a margin.
    """

    title: str
    how: str
    better: str = "less"
    once: bool = False


FIGURES: Mapping[str, Figure] = {
    "import": Figure("import", "Seconds to import the framework, in a fresh process; once a round."),
    "build": Figure(
        "build",
        "Seconds to make the native program once more from its description, weights included (model.copy()), in the process of the "
        "run; once a round.",
    ),
    "first_step": Figure(
        "first step",
        "Seconds of the very first training step, its loss on the host: tracing, compiling and one step, in a fresh process; once a "
        "round.",
    ),
    "compile": Figure("compile", "Seconds of tracing and compiling: the first step less a steady one."),
    "step": Figure(
        "steady step",
        "Seconds of a training step, many in a row, the first ones left out, without callbacks and validation; all runs in turn, once a "
        "round.",
    ),
    "throughput": Figure("throughput", "Training examples in a second, in steady steps.", "more"),
    "training": Figure(
        "training, as it ran",
        "Seconds a step of the run's own training, callbacks, data and validation included, the first steps left out. Once, one run "
        "after the other; the spread is that of its stretches of about 0.2 s.",
        once=True,
    ),
    "latency_one": Figure(
        "inference, batch 1",
        "Seconds of model.predict for one example, NumPy in and NumPy out; all runs in turn, once a round.",
    ),
    "latency_batch": Figure(
        "inference, large batch",
        "Seconds of model.predict for 256 examples in one batch, NumPy in and NumPy out; all runs in turn, once a round.",
    ),
    "resident": Figure(
        "peak memory, all in all",
        "Bytes of the process' resident set at its highest, interpreter and framework included, at the end of the run's own training; once.",
        once=True,
    ),
    "memory": Figure(
        "peak memory beyond the import",
        "Bytes by which the resident set of the process grew, at its highest, from the framework's import to the end of the run's own "
        "training; once.",
        once=True,
    ),
    "edit": Figure(
        "edit to first step",
        "Seconds from a change of the code to its first loss: a changed copy of the script, or function, is run in a fresh process; "
        "interpreter, imports, data, build and compiling included; once a round.",
    ),
    "run": Figure(
        "the whole run",
        "Seconds of the run's own training or script, from its first line to its last; once.",
        once=True,
    ),
}


@dataclass(frozen=True)
class Advice:
    """What decides for whom.

    Args:
        question: "fastest training", "least memory, all in all".
        answers: Label of the run that is best, or of all those from which it does not stand apart.
        why: The figures, in a sentence.
    """

    question: str
    answers: tuple[str, ...]
    why: str


@dataclass(frozen=True, repr=False)
class Comparison:
    """The same code on several backends.

    Args:
        name: The script's or function's.
        code: The user's code.
        made: When, in ISO form.
        machine: The machine and versions: "cpu", "cores", "memory", "system", "python", "load" before and after, and "packages", name ->
            version.
        runs: One for each backend, engine and jit.
        distances: Pair of labels ("torch / keras") -> how far their loss curves lie apart at most, as a part of the largest loss.
        advice: Made from the runs.
    """

    name: str
    code: str
    made: str
    machine: Mapping[str, Any]
    runs: tuple[Run, ...]
    distances: Mapping[str, float] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()

    def __repr__(self) -> str:
        return visible(f"<Comparison of {self.name}: {', '.join(run.label for run in self.runs)}>")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of it as JSON; `Comparison.load` reads it.

        Raises:
            FileError: The file cannot be written.
        """
        what = "comparison.save"
        write_text(checked_path(path, what), json.dumps(to_json(self), indent=1, allow_nan=False), what)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """What `save` wrote.

        Raises:
            FileError: The file is none of these, or cannot be read.
        """
        target = checked_path(path, "Comparison.load")
        with file_errors(target, "Comparison.load", "read"):
            content = target.read_bytes()
        try:
            data = json.loads(content)
        except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or nested too deep
            raise _no_comparison(path, f"no JSON document: {error}") from error
        try:
            found = from_json(cls, data)
            _check_free(found)
        except (RecordError, RecursionError) as error:
            raise _no_comparison(path, str(error)) from error
        return found

    def __rich__(self) -> Group:
        return drawn(self, FIGURES)

    def _repr_html_(self) -> str:
        return html(self, FIGURES)


def _no_comparison(path: str | os.PathLike[str], received: str) -> FileError:
    return FileError(
        f"{str(path)!r} holds no comparison.",
        expected="a file that comparison.save(path) or unidl compare --json wrote",
        received=received,
    )


def _check_free(found: Comparison) -> None:
    """What tables and pages read of the parts that may hold anything.

    Raises:
        RecordError: It is not what was measured.
    """
    machine = found.machine
    load, packages = machine.get("load", []), machine.get("packages", {})
    if not isinstance(packages, Mapping):
        raise RecordError("machine.packages is no object")
    if not isinstance(load, list) or not all(isinstance(value, (int, float)) for value in load):
        raise RecordError("machine.load is no list of numbers")
    needed = {"hits": ("steps", "stops"), "depth": ("own",)}  # what is read where another is there
    for i, run in enumerate(found.runs):
        told = run.debugging
        lacking = [name for key, names in needed.items() if key in told for name in names if name not in told]
        strange = [key for key in ("hits", "steps", "depth", "own") if not isinstance(told.get(key, 0), int)]
        if lacking or strange:
            raise RecordError(f"runs[{i}].debugging: {', '.join([*lacking, *strange])} missing, or no integer")
