"""Two comparisons of the same code, an older and a newer one: what changed beyond the spreads, run by run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from unidl.insight.comparison import FIGURES, Comparison, Run
from unidl.insight.spread import apart, text
from unidl.inspection.timing import Timing
from unidl.terminal import plain


@dataclass(frozen=True)
class Shift:
    """A figure of one run that changed.

    Args:
        label: The run's.
        figure: Name of the figure.
        before: In the older comparison.
        after: In the newer one.
    """

    label: str
    figure: str
    before: Timing
    after: Timing

    @property
    def ratio(self) -> float:
        """The newer median by the older one."""
        return self.after.median / self.before.median if self.before.median else math.inf

    @property
    def better(self) -> bool:
        """Whether it changed for the better."""
        return (self.ratio < 1) == (FIGURES[self.figure].better == "less")


@dataclass(frozen=True)
class Difference:
    """What changed from one comparison to another.

    Args:
        old: The older one.
        new: The newer one.
        shifts: Figures whose spreads have no value in common.
        told: What else changed, in sentences: runs that fail or no longer do, exports, losses, and the machine.
    """

    old: Comparison
    new: Comparison
    shifts: tuple[Shift, ...]
    told: tuple[str, ...]

    def __rich__(self) -> Group:
        return Group(*_parts(self))


def difference(old: Comparison, new: Comparison) -> Difference:
    """What changed beyond the spreads, for each run that both have."""
    before, after = ({run.label: run for run in each.runs} for each in (old, new))
    shifts = []
    told = list(_machines(old.machine, new.machine))
    told += [f"{label} is in the older one only." for label in before if label not in after]
    told += [f"{label} is in the newer one only." for label in after if label not in before]
    for label in before:
        if label in after:
            shifts += list(_shifts(before[label], after[label]))
            told += list(_words(before[label], after[label]))
    return Difference(old, new, tuple(shifts), tuple(told))


def _shifts(before: Run, after: Run) -> Iterator[Shift]:
    for name, figure in FIGURES.items():
        if (
            name in before.figures
            and name in after.figures
            and apart(before.figures[name], after.figures[name], figure.once)
        ):
            yield Shift(before.label, name, before.figures[name], after.figures[name])


def _words(before: Run, after: Run) -> Iterator[str]:
    label = before.label
    if after.failure is not None and before.failure is None:
        yield f"{label} fails now. {after.failure.kind}: {after.failure.message}"
    if after.failure is None and before.failure is not None:
        yield f"{label} failed ({before.failure.kind}) and no longer does."
    for name in before.exports:
        was, now = before.exports[name], after.exports.get(name, before.exports[name])
        if bool(was) != bool(now):
            yield f"{label}: the export to {name} {'fails now: ' + now if now else 'works now'}."
    if before.debugging.get("hits") != after.debugging.get("hits"):
        yield f"{label}: a debugger stopped {before.debugging.get('stops')}, and now {after.debugging.get('stops')}."
    if before.step_loss and after.step_loss and before.step_loss[-1] != after.step_loss[-1]:
        yield f"{label}: the last loss was {before.step_loss[-1]:.6g} and is {after.step_loss[-1]:.6g}."


def _machines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What may be the reason of all the rest."""
    flat = [{**each, **each.get("packages", {})} for each in (before, after)]
    for name in sorted(flat[0].keys() | flat[1].keys()):
        if name not in ("packages", "load") and flat[0].get(name) != flat[1].get(name):
            yield f"Measured under other conditions: {name} was {flat[0].get(name)} and is {flat[1].get(name)}."


def _parts(found: Difference) -> Iterator[RenderableType]:
    title = plain(f"{found.new.name}: {found.old.made} and {found.new.made}")
    table = Table(title=title, title_justify="left")
    for column in ("run", "figure", "before", "after", "ratio"):
        table.add_column(column, justify="left" if column in ("run", "figure") else "right")
    for shift in found.shifts:
        table.add_row(
            plain(shift.label),
            FIGURES[shift.figure].title,
            text(shift.before),
            text(shift.after),
            plain(f"{shift.ratio:.2f}", "green" if shift.better else "red"),
        )
    yield table if found.shifts else plain("No figure changed beyond its spread.")
    yield from map(plain, found.told)
