"""Building against running, what a change in mid-run means, and what only one framework has to tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from unidl.insight.comparison import Comparison
from unidl.insight.plain import plain
from unidl.insight.report.amounts import median, spread
from unidl.insight.report.markup import badge, fold, section, table, tag
from unidl.insight.report.overview import dot
from unidl.insight.report.shown import Column, Shown
from unidl.inspection.inspection import Inspection

EFFECTS = {"nothing": "good", "retrace": "fair", "recompile": "fair", "rebuild": "fair", "refused": "bad"}


def phases(shown: Shown) -> Element | None:
    """What happens once, and what happens each time."""
    rows = [
        tag(
            "tr",
            tag("th", phase, scope="row"),
            [tag("td", _events(column, phase)) for column in _told(shown, "events")],
        )
        for phase in ("building", "running")
    ]
    columns = _told(shown, "events")
    if not columns:
        return None
    return section(
        "phases",
        "Building against running",
        table("What happens when the program is built, and each time it runs", ["phase", *map(dot, columns)], rows),
    )


def _told(shown: Shown, what: str) -> list[Column]:
    return [column for column in shown.columns if any(getattr(each, what) for each in column.all())]


def _events(column: Column, phase: str) -> Element | str:
    items = []
    for inspection in column.all():
        for event in inspection.events:
            if event.phase != phase:
                continue
            words = [event.what]
            if event.times is not None:
                words.append(f"{event.times:,} ×")
            if event.seconds is not None:
                words.append(f"{median(event.seconds)} ({spread(event.seconds)})")
            told = ", ".join(words)
            if told not in items:
                items.append(told)
    return tag("ul", [tag("li", item) for item in items]) if items else "–"


def changes(shown: Shown) -> Element | None:
    """A row for each change of the network in mid-run."""
    columns = _told(shown, "changes")
    if not columns:
        return None
    known = {
        column.index: {change.change: change for each in column.all() for change in each.changes} for column in columns
    }
    names = list(dict.fromkeys(name for changes in known.values() for name in changes))
    rows = []
    for name in names:
        cells = []
        for column in columns:
            change = known[column.index].get(name)
            cells.append(
                tag(
                    "td",
                    [badge(change.effect, EFFECTS.get(change.effect, "fair")), tag("span", change.why, class_="how")]
                    if change
                    else "–",
                )
            )
        rows.append(tag("tr", tag("th", name, scope="row"), cells))
    return section(
        "changes",
        "What a change in mid-run means",
        table("What happens when the network, or what it is given, changes", ["change", *map(dot, columns)], rows),
    )


def debugging(shown: Shown, comparison: Comparison) -> Element | None:
    """Where a debugger stops, and what a planted bug's traceback looks like."""
    columns = [column for column in shown.columns if column.run is not None and column.run.debugging]
    exporting = [column for column in shown.columns if column.run is not None and column.run.exports]
    parts: list[Element] = []
    if columns:
        rows = [_bug(column) for column in columns]
        parts.append(table("The same planted bug", ["run", "a debugger stops", "frames", "in your code"], rows))
        parts += [
            fold(
                f"The traceback of {column.label}",
                tag("pre", str(column.run.debugging["traceback"]), class_="plain", tabindex=0),
            )
            for column in columns
            if column.run is not None and column.run.debugging.get("traceback")
        ]
    if exporting:
        formats = list(dict.fromkeys(name for run in comparison.runs for name in run.exports))
        rows = [
            tag("tr", tag("th", name, scope="row"), [_export(column, name) for column in exporting]) for name in formats
        ]
        parts.append(table("Which exports work", ["format", *map(dot, exporting)], rows))
    return section("debugging", "Debugging and leaving", *parts) if parts else None


def _bug(column: Column) -> Element:
    assert column.run is not None
    told = column.run.debugging
    stops = told.get("stops", "–")
    return tag(
        "tr",
        tag("th", dot(column), scope="row"),
        tag(
            "td",
            stops
            if isinstance(stops, str)
            else ", ".join(map(str, stops))
            if isinstance(stops, (list, tuple))
            else str(stops),
        ),
        tag("td", str(told.get("depth", "–")), class_="number"),
        tag("td", str(told.get("own", "–")), class_="number"),
    )


def _export(column: Column, name: str) -> Element:
    assert column.run is not None
    if name not in column.run.exports:
        return tag("td", "–")
    why = column.run.exports[name]
    return tag("td", badge("works", "good") if not why else [badge("does not", "bad"), tag("span", why, class_="how")])


def facts(shown: Shown) -> Element | None:
    """What only one framework has, and notes."""
    parts = [part for column in shown.columns for inspection in column.all() for part in _facts(column, inspection)]
    return section("facts", "What only this framework has", parts) if parts else None


def _facts(column: Column, inspection: Inspection) -> Iterator[Element]:
    if not inspection.facts and not inspection.notes:
        return
    yield tag("h3", dot(column), f" · {inspection.subject}")
    if inspection.notes:
        yield tag("ul", [tag("li", note) for note in inspection.notes])
    for name, value in inspection.facts.items():
        yield _fact(name, value)


def _fact(name: str, value: Any) -> Element:
    if isinstance(value, (Mapping, list, tuple)) and value:
        return fold(
            name, tag("pre", json.dumps(plain(value), indent=1, ensure_ascii=False), class_="plain", tabindex=0)
        )
    return tag("p", tag("b", name), ": ", str(value))
