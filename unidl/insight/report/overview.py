"""The first part of the page: what was run where, what came of it, and what decides for whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from unidl.insight.comparison import Comparison, Run
from unidl.insight.report.amounts import digits
from unidl.insight.report.markup import Content, badge, fold, section, table, tag
from unidl.insight.report.shown import Column, Shown


def dot(column: Column) -> Element:
    """The run's name with its colour."""
    return tag("span", tag("span", class_=f"dot {column.colour}", aria_hidden="true"), column.label, class_="run")


def head(shown: Shown) -> Element:
    """The title, when it was made and on what."""
    made = shown.comparison.made if shown.comparison is not None else ""
    facts = [tag("div", tag("dt", name), tag("dd", _fact(value))) for name, value in shown.versions().items()]
    what = "The same code, side by side" if len(shown.columns) > 1 else "What the framework made of it"
    return tag(
        "header",
        tag("p", what, class_="kicker"),
        tag("h1", shown.name),
        tag("p", [[dot(column), " "] for column in shown.columns], class_="legend"),
        tag("p", "Measured ", tag("time", made, datetime=made), class_="quiet") if made else None,
        fold("Machine and versions", tag("dl", facts, class_="facts")) if facts else None,
    )


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def advice(comparison: Comparison) -> Element | None:
    """What decides for whom; several names where none stands apart."""
    if not comparison.advice:
        return None
    cards = [
        tag(
            "li",
            tag("h3", each.question),
            tag("p", " or ".join(each.answers) or "nobody", class_="answer"),
            tag("p", each.why, class_="why"),
        )
        for each in comparison.advice
    ]
    return section(
        "advice",
        "What decides for whom",
        tag(
            "p",
            "Where several runs are named, none of them is better than the others: what was counted is equal, or the spreads of what was measured overlap.",
            class_="quiet",
        ),
        tag("ul", cards, class_="cards"),
    )


def runs(shown: Shown, comparison: Comparison) -> Element:
    """A row for each run, also for one that failed."""
    metrics = sorted({name for run in comparison.runs for name in run.metrics})
    rows = [_row(column, column.run, metrics) for column in shown.columns if column.run is not None]
    heads = ["run", "state", *metrics, "jit", "threads", "notes"]
    parts: list[Element] = [table("Runs, with the last epoch's numbers", heads, rows)]
    parts += [_failure(column) for column in shown.columns if not column.ran]
    return section("runs", "Runs", *parts)


def _row(column: Column, run: Run, metrics: list[str]) -> Element:
    state: Content = (
        [badge("ran", "good"), f" exit code {run.exit_code}" if run.exit_code else ""]
        if run.failure is None
        else [badge("failed", "bad"), " ", tag("strong", run.failure.kind), ": ", _first(run.failure.message)]
    )
    numbers = [
        tag("td", digits(run.metrics[name]) if name in run.metrics else "–", class_="number") for name in metrics
    ]
    return tag(
        "tr",
        tag("th", dot(column), scope="row"),
        tag("td", state, class_="state"),
        numbers,
        tag("td", {True: "on", False: "off"}.get(run.jit, str(run.jit)) if isinstance(run.jit, bool) else run.jit),
        tag("td", "its own choice" if run.threads is None else str(run.threads), class_="number"),
        tag("td", " ".join(run.notes)),
    )


def _first(message: str) -> str:
    return (message.strip().splitlines() or [""])[0]


def _failure(column: Column) -> Element:
    assert column.run is not None
    assert column.run.failure is not None
    told = column.run.failure
    return fold(
        f"Why {column.label} failed",
        tag("pre", f"{told.kind}: {told.message}\n\n{told.traceback}".strip(), class_="plain", tabindex=0),
    )


def contents(sections: list[Element]) -> Element:
    """Links to the parts, by their short names."""
    links = [tag("li", tag("a", name.title(), href=f"#{name}")) for name in (each.get("id", "") for each in sections)]
    return tag("nav", tag("ul", links), aria_label="Parts of this page")
