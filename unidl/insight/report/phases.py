"""Building against running, what a change in mid-run means, and what only one framework has to tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from unidl.insight.comparison import Comparison
from unidl.insight.plain import plain
from unidl.insight.report.amounts import median, spread
from unidl.insight.report.markup import badge, fold, section, table, tag
from unidl.insight.report.overview import dot
from unidl.insight.report.shown import Column, Shown
from unidl.inspection.inspection import Event, Inspection

EFFECTS = {"nothing": "good", "retrace": "fair", "recompile": "fair", "rebuild": "fair", "refused": "bad"}


def phases(shown: Shown) -> Element | None:
    """What happens once, and what happens each time."""
    columns = _told(shown, "events")
    if not columns:
        return None
    subjects = [name for name in ("model", "step") if any(name in column.inspections for column in columns)]
    rows = [
        tag(
            "tr",
            tag(
                "th",
                phase,
                tag("span", "the model" if subject == "model" else "a training step", class_="how"),
                scope="row",
            ),
            [tag("td", _events(column, subject, phase)) for column in columns],
        )
        for phase in ("building", "running")
        for subject in subjects
    ]
    caption = "What happens when the program is built, and each time it runs"
    return section("phases", "Building against running", table(caption, ["phase", *map(dot, columns)], rows))


def _told(shown: Shown, what: str) -> list[Column]:
    return [column for column in shown.columns if any(getattr(each, what) for each in column.all())]


def _events(column: Column, subject: str, phase: str) -> Element | str:
    inspection = column.inspections.get(subject)
    events = [event for event in inspection.events if event.phase == phase] if inspection is not None else []
    return tag("ul", [tag("li", _event(event)) for event in events]) if events else "–"


def _event(event: Event) -> list[Element | str]:
    times = f" ({event.times:,} of them)" if event.times is not None and event.times != 1 else ""
    if event.seconds is None:
        return [event.what, times]
    return [event.what, times, tag("span", f"{median(event.seconds)} ({spread(event.seconds)})", class_="how")]


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
        parts.append(
            table(
                "The same planted bug",
                ["run", "a debugger stops", "the bug is raised", "frames of its traceback", "in your code"],
                rows,
            )
        )
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
        tag("td", str(told.get("arises", "–"))),
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
    parts = [
        _facts(column, each) for column in shown.columns for each in reversed(column.all()) if each.facts or each.notes
    ]
    return section("facts", "What only this framework has", tag("div", parts, class_="side-by-side")) if parts else None


def _facts(column: Column, inspection: Inspection) -> Element:
    subject = "the model" if inspection.subject == "model" else "a training step"
    return tag(
        "div",
        tag("h3", dot(column), f" · {subject}"),
        tag("ul", [tag("li", note) for note in inspection.notes]) if inspection.notes else None,
        [_fact(name, value) for name, value in inspection.facts.items()],
        class_="card",
    )


def _fact(name: str, value: Any) -> Element:
    said = name.replace("_", " ")
    if isinstance(value, (Mapping, list, tuple)) and value:
        return fold(
            said, tag("pre", json.dumps(plain(value), indent=1, ensure_ascii=False), class_="plain", tabindex=0)
        )
    return tag("p", tag("b", said), ": ", "none" if value in ({}, [], (), None) else str(value))
