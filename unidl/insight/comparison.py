"""What a comparison measured, as data: one run for each way in which the same code ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unidl.inspection.inspection import Inspection
from unidl.inspection.timing import Timing


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
        failure: Why it has no figures; None where it has.
        figures: Name -> figure. The names, their titles and how each is measured are in FIGURES.
        step_loss: The loss of each step.
        metrics: The last epoch's numbers.
        exports: Format -> "" where it works, else the reason.
        source: The framework's own code.
        inspections: "model" and "step"; what inspect found, where asked.
        debugging: {"stops": where a debugger can stop, "depth": frames of the planted bug's traceback, "own": those in user code, "traceback": its text}.
        notes: Sentences on this run.
    """

    label: str
    backend: str
    engine: str | None = None
    jit: bool | str = False
    failure: Failure | None = None
    figures: Mapping[str, Timing] = field(default_factory=dict)
    step_loss: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)
    source: NativeSource = field(default_factory=NativeSource)
    inspections: Mapping[str, Inspection] = field(default_factory=dict)
    debugging: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """What one of the figures is.

    Args:
        title: For a table's head.
        how: How it is measured, in a sentence.
        better: "less" or "more".
    """

    title: str
    how: str
    better: str = "less"


FIGURES: Mapping[str, Figure] = {
    "import": Figure("import", "seconds that importing the framework takes in a fresh process"),
    "build": Figure("build", "seconds from the description to the native program"),
    "compile": Figure("compile", "seconds of tracing and compiling: the first step less a steady one"),
    "first_step": Figure("first step", "seconds from the process' start to the first loss on the host"),
    "step": Figure("steady step", "seconds of a training step, many in a row, after the first ones"),
    "throughput": Figure("throughput", "training examples in a second, in steady steps", "more"),
    "latency_one": Figure("inference, batch 1", "seconds for one example, NumPy in and NumPy out"),
    "latency_batch": Figure("inference, large batch", "seconds for a large batch, NumPy in and NumPy out"),
    "memory": Figure("peak memory", "growth of the resident set from the imports to the end of training"),
    "edit": Figure(
        "edit to first step", "seconds from a change in the model's code to its first loss, in a fresh process"
    ),
}


@dataclass(frozen=True)
class Advice:
    """What decides for whom.

    Args:
        question: "fastest training", "least memory".
        answer: Label of the run that is best, or of those whose spreads overlap.
        why: The figures, in a sentence.
    """

    question: str
    answers: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Comparison:
    """The same code on several backends.

    Args:
        name: The script's or function's.
        code: The user's code.
        made: When, in ISO form.
        machine: The machine and versions: "cpu", "cores", "memory", "system", "python", "threads", package -> version.
        runs: One for each backend, engine and jit.
        distances: Pair of labels ("torch / keras") -> how far their loss curves lie apart, relative, at most.
        advice: Made from the runs.
    """

    name: str
    code: str
    made: str
    machine: Mapping[str, Any]
    runs: tuple[Run, ...]
    distances: Mapping[str, float] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()
