"""A comparison as a table for a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from unidl.insight.spread import leaders, text
from unidl.terminal import plain

if TYPE_CHECKING:
    from unidl.insight.comparison import Comparison, Figure, Run

NOTEBOOK = 160  # characters in a line


def drawn(comparison: Comparison, known: Mapping[str, Figure]) -> Group:
    """The figures, a column for each run, the best of a line in bold where it stands apart; then the advice, and what failed."""
    return Group(*_parts(comparison, known))


def html(comparison: Comparison, known: Mapping[str, Figure]) -> str:
    """The same for a notebook."""
    console = Console(record=True, file=io.StringIO(), width=NOTEBOOK)
    console.print(drawn(comparison, known))
    return console.export_html(
        inline_styles=True, code_format='<pre style="line-height: 1.2; overflow-x: auto">{code}</pre>'
    )


def _parts(comparison: Comparison, known: Mapping[str, Figure]) -> Iterator[RenderableType]:
    yield _table(comparison, known)
    if comparison.distances:
        yield plain("\nLoss curves lie apart by at most, as a part of the largest loss:")
        yield from (plain(f"  {pair}: {distance:.2g}") for pair, distance in comparison.distances.items())
    if comparison.advice:
        yield plain("\nWhat decides", "bold")
        for advice in comparison.advice:
            answer = plain(" or ".join(advice.answers) or "nobody", "bold")
            yield Text.assemble(plain(f"  {advice.question}: "), answer, ". ", plain(advice.why, "dim"))
    for run in comparison.runs:
        if run.failure is not None:
            failed = plain(f"\n{run.label} failed.", "red")
            yield Text.assemble(failed, plain(f" {run.failure.kind}: {run.failure.message}"))
        for note in run.notes:
            yield plain(f"\n{run.label}: {note}")
    yield plain(f"\n{_where(comparison.machine)}", "dim")


def _table(comparison: Comparison, known: Mapping[str, Figure]) -> Table:
    table = Table(
        title=plain(f"{comparison.name}, {len(comparison.runs)} way{'' if len(comparison.runs) == 1 else 's'}"),
        title_justify="left",
    )
    table.add_column("")
    for run in comparison.runs:
        table.add_column(plain(run.label), justify="right")
    for name, figure in known.items():
        figures = {run.label: run.figures[name] for run in comparison.runs if name in run.figures}
        best = leaders(figures, figure.better, figure.once) if len(figures) > 1 else []
        cells = []
        for run in comparison.runs:
            cell = text(run.figures[name]) if name in run.figures else _nothing(run)
            cells.append(plain(cell, "bold green" if best == [run.label] else ""))
        table.add_row(figure.title, *cells)
    table.add_section()
    for title, words in _words(comparison):
        table.add_row(plain(title), *map(plain, words))
    return table


def _nothing(run: Run) -> str:
    return "failed" if run.failure is not None else "-"


def _words(comparison: Comparison) -> Iterator[tuple[str, list[str]]]:
    """The lines that are no figures."""
    runs = comparison.runs
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    for name in metrics:
        yield f"final {name}", [f"{run.metrics[name]:.4g}" if name in run.metrics else _nothing(run) for run in runs]
    yield "native source", [_source(run) for run in runs]
    yield (
        "exports",
        [", ".join(f for f, why in run.exports.items() if not why) or _nothing(run) for run in runs],
    )
    yield "a debugger stops", [_debugged(run.debugging, "stops", run) for run in runs]
    yield "a bug is raised", [_debugged(run.debugging, "arises", run) for run in runs]
    yield (
        "its traceback",
        [
            f"{d['depth']} frames, {d['own']} of yours" if (d := run.debugging).get("depth") else _nothing(run)
            for run in runs
        ],
    )


def _source(run: Run) -> str:
    if not run.source.lines:
        return "refused" if run.source.refused else _nothing(run)
    part = ", of the model alone" if run.source.refused else ""
    return f"{run.source.lines} lines, {run.source.names} names{part}"


def _debugged(found: Mapping[str, Any], name: str, run: Run) -> str:
    return str(found[name]) if name in found else _nothing(run)


def _where(machine: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in machine.get("packages", {}).items())
    load = " and ".join(f"{value:.1f}" for value in machine.get("load", ())) or "unknown"
    return (
        f"{machine.get('cpu', '')}, {machine.get('cores', '?')} cores, load before and after {load}, "
        f"Python {machine.get('python', '')}; {packages}"
    )
