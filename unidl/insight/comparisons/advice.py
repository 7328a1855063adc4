"""What decides for whom: made from the figures, and no winner where spreads overlap."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from unidl.backends import registry
from unidl.insight.comparison import FIGURES, Advice, Figure, Run
from unidl.insight.spread import ALONE, leaders, ranked, text
from unidl.inspection.timing import Timing

# question -> the figure that answers it
QUESTIONS: Mapping[str, str] = {
    "fastest training": "step",
    "fastest training as it ran, callbacks and data included": "training",
    "fastest inference, one example": "latency_one",
    "fastest inference, large batch": "latency_batch",
    "least memory, all in all": "resident",
    "least memory beyond what the import takes": "memory",
    "soonest after an edit": "edit",
}


def advise(runs: Sequence[Run]) -> tuple[Advice, ...]:
    """An advice for each question that at least two runs answer."""
    there = [run for run in runs if run.failure is None]
    return tuple(_advise(there)) if there else ()


def _advise(runs: Sequence[Run]) -> Iterator[Advice]:
    for question, name in QUESTIONS.items():
        figures = {run.label: run.figures[name] for run in runs if name in run.figures}
        if len(figures) > 1:
            yield _best(question, figures, FIGURES[name])
    if any(run.exports for run in runs):
        yield _exports(runs)
    tried = [run for run in runs if "hits" in run.debugging]
    if tried:
        yield _debugger(tried)
        yield _traceback(tried)
    written = [run for run in runs if run.source.lines]
    if len(written) > 1:
        yield _source(written)


def _best(question: str, figures: Mapping[str, Timing], what: Figure) -> Advice:
    best, order = leaders(figures, what.better, what.once), ranked(figures, what.better)
    listed = "; ".join(f"{label} {text(figures[label])}" for label in order)
    if len(best) > 1:
        listed += f". The spreads of the first {len(best)} overlap: none of them is said to be better"
    if what.once or any(figure.rounds == 1 for figure in figures.values()):
        listed += f". Measured once, so that the spread is taken to be {ALONE:.0%} more to either side"
    return Advice(question, tuple(best), f"{listed}.")


def _exports(runs: Sequence[Run]) -> Advice:
    works = {run.label: [name for name, why in run.exports.items() if not why] for run in runs}
    fails = {run.label: [name for name, why in run.exports.items() if why] for run in runs}
    most = max(len(names) for names in works.values())
    own = {run.label: {name for name, (owner, _) in registry.formats().items() if owner == run.backend} for run in runs}
    told = "; ".join(
        f"{label}: {_listed(works[label], own[label])}" + (f" (not {', '.join(fails[label])})" if fails[label] else "")
        for label in works
    )
    return Advice("exports", tuple(label for label in works if most and len(works[label]) == most), f"{told}.")


def _listed(formats: list[str], own: set[str]) -> str:
    """Those of the run's own framework, and those for which the model is converted first."""
    itself = ", ".join(name for name in formats if name in own)
    converted = ", ".join(name for name in formats if name not in own)
    return f"{itself or 'none itself'}{', and converted ' + converted if converted else ''}"


def _debugger(runs: Sequence[Run]) -> Advice:
    told = "; ".join(f"{run.label}: {run.debugging['stops']}" for run in runs)
    everywhere = [run.label for run in runs if run.debugging["hits"] >= run.debugging["steps"]]
    return Advice("a debugger stops in forward", tuple(everywhere), f"{told}.")


def _traceback(runs: Sequence[Run]) -> Advice:
    deep = {run.label: run.debugging for run in runs if run.debugging.get("depth")}
    told = "; ".join(f"{label}: {found['depth']} frames, {found['arises']}" for label, found in deep.items())
    least = min((found["depth"] for found in deep.values()), default=0)
    return Advice(
        "shortest traceback", tuple(label for label, found in deep.items() if found["depth"] == least), f"{told}."
    )


def _source(runs: Sequence[Run]) -> Advice:
    told = "; ".join(f"{run.label}: {run.source.lines} lines, {run.source.names} names" for run in runs)
    least = min(run.source.lines for run in runs)
    return Advice("shortest native source", tuple(run.label for run in runs if run.source.lines == least), f"{told}.")


def _has_curve(run: Run) -> bool:
    """A training_step of the user's own need not give a loss, and what became no number has no distance."""
    return bool(run.step_loss) and bool(np.isfinite(run.step_loss).all())


def distances(runs: Sequence[Run]) -> dict[str, float]:
    """How far loss curves of one length lie apart at most, as a part of the largest loss on both."""
    found = {}
    for one, other in itertools.combinations([run for run in runs if _has_curve(run)], 2):
        if len(one.step_loss) == len(other.step_loss):
            a, b = np.array(one.step_loss), np.array(other.step_loss)
            scale = max(float(np.max(np.abs(a))), float(np.max(np.abs(b))))
            found[f"{one.label} / {other.label}"] = float(np.max(np.abs(a - b))) / scale if scale else 0.0
    return found
