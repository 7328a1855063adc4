"""An inspection as text: tables for a terminal, plain where it is printed to a file."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table

from unidl.inspection.cost import LayerCost
from unidl.inspection.graph import LANES, Graph
from unidl.inspection.inspection import Inspection
from unidl.inspection.timing import Timing
from unidl.terminal import plain, printable

WIDTH = 130
OPS = 5  # of a graph, the most frequent
FACTS = 40  # lines of them
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def rich(inspection: Inspection) -> RenderableType:
    """For rich's print."""
    versions = ", ".join(f"{package} {version}" for package, version in inspection.versions.items())
    parts: list[RenderableType] = [
        plain(f"{inspection.subject} {inspection.name!r} on {inspection.backend}", style="bold"),
        plain(versions, style="dim"),
    ]
    if inspection.costs:
        parts += [_costs(inspection.costs), plain(_sum(inspection.costs))]
    parts.append(_graphs(tuple(inspection.graphs.values())))
    if inspection.events:
        parts.append(_events(inspection))
    if inspection.changes:
        parts.append(_changes(inspection))
    if inspection.facts:
        parts.append(_facts(inspection))
    parts += [plain(note) for note in inspection.notes]
    return Group(*parts)


def text(inspection: Inspection, width: int = WIDTH) -> str:
    """For a file, or a terminal without colours."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(rich(inspection))
    return printable("\n".join(line.rstrip() for line in out.getvalue().splitlines()))


def page_part(inspection: Inspection) -> str:
    """For a notebook."""
    return f'<pre style="line-height: 1.2; overflow-x: auto">{html.escape(text(inspection))}</pre>'


def seconds(timing: Timing | None) -> str:
    """A duration with its quartiles, in a unit that suits it."""
    if timing is None:
        return "–"
    scale, unit = next((u for u in UNITS if timing.median >= u[0]), UNITS[-1])
    low, median, high = (f"{value / scale:.3g}" for value in (timing.low, timing.median, timing.high))
    return f"{median} {unit}" if timing.rounds == 1 else f"{median} {unit} ({low} to {high})"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=plain(title), title_justify="left", title_style="bold")
    for column in columns:
        name = column.removeprefix(">")
        table.add_column(name, justify="right" if name != column else "left", overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    table.add_row(*map(plain, cells))


def _costs(costs: tuple[LayerCost, ...]) -> Table:
    columns = ("layer", "runs as", "output", ">parameters", ">operations", ">output B", ">forward", ">backward")
    table = _table(
        "Layers: parameters are each one's own; operations and seconds have what lies below in them", *columns
    )
    for cost in costs:
        parameters = f"{cost.parameters:,}" + (f" + {cost.states:,}" if cost.states else "")
        operations = "–" if cost.flops is None else f"{cost.flops:,}"
        if cost.uncounted:
            operations = f"? ({', '.join(cost.uncounted)})"
        shapes = ", ".join(map(str, cost.output_shapes)) or ("–" if cost.flops is None else "not called")
        runs = cost.native if cost.way == "native" else "definition"
        _row(
            table, f"{cost.path or '(model)'}: {cost.layer}", runs, shapes, parameters, operations, f"{cost.activation_bytes:,}",
            seconds(cost.forward), seconds(cost.backward),
        )  # fmt: skip
    return table


def _sum(costs: tuple[LayerCost, ...]) -> str:
    """All parameters; a multiply-add is two operations."""
    own, states = sum(cost.parameters for cost in costs), sum(cost.states for cost in costs)
    return f"{own:,} parameters" + (f" and {states:,} numbers of state" if states else "")


def _graphs(graphs: tuple[Graph, ...]) -> Table:
    table = _table("Graphs", "name", "what it shows", ">nodes", ">edges", "most of")
    for graph in graphs:
        most = [f"{number} {op}" for op, number in list(graph.counts().items())[:OPS]]
        lanes = [f"{lane} {n}" for lane in LANES if (n := sum(node.lane == lane for node in graph.nodes))]
        most = [", ".join(most), *([f"lanes: {', '.join(lanes)}"] if lanes else [])]
        _row(table, graph.name, graph.title, str(len(graph.nodes)), str(len(graph.edges)), "\n".join(most))
    return table


def _events(inspection: Inspection) -> Table:
    table = _table("What happens", "when", "what", ">how many", ">seconds in all")
    for event in inspection.events:
        _row(table, event.phase, event.what, "" if event.times is None else f"{event.times:,}", seconds(event.seconds))
    return table


def _changes(inspection: Inspection) -> Table:
    table = _table("What a change means", "change", "effect", "why")
    for change in inspection.changes:
        _row(table, change.change, change.effect, change.why)
    return table


def _facts(inspection: Inspection) -> Table:
    table = _table(f"What {inspection.backend} says", "fact", "value")
    lines = list(_flat(inspection.facts))
    for name, value in lines[:FACTS]:
        _row(table, name, value)
    if len(lines) > FACTS:
        _row(table, "…", f"{len(lines) - FACTS} more are in .facts")
    return table


def _flat(facts: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested facts as lines; long ones are shortened."""
    for key, value in facts.items():
        path = f"{name}.{key}" if name else str(key)
        if isinstance(value, dict) and value and len(json.dumps(value, ensure_ascii=False, default=str)) > 60:
            yield from _flat(value, path)
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            yield path, shown if len(shown) <= 300 else f"{shown[:300]}…"
