"""The figures: as bars with their spread, as curves, and as the table in which all of them stand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from unidl.insight.comparison import FIGURES, Comparison, Figure
from unidl.insight.report.amounts import digits, median, spread
from unidl.insight.report.markup import badge, fold, section, table, tag
from unidl.insight.report.overview import dot
from unidl.insight.report.shown import Column, Shown

SAMPLED = 12  # steps of a loss curve that its table shows


def figures(shown: Shown, comparison: Comparison) -> Element | None:
    """Bars for each figure, and the table."""
    names = _names(comparison)
    if not names:
        return None
    charts = [
        tag(
            "figure",
            tag("figcaption", FIGURES[name].title if name in FIGURES else name),
            tag("div", class_="bars chart", data_figure=name, data_table="figures-table"),
            class_="card",
        )
        for name in names
    ]
    return section(
        "figures",
        "Time and memory",
        tag(
            "p",
            "A bar is the median, the line across its end runs from the first to the third quartile. The table below holds the same numbers.",
            class_="quiet",
        ),
        tag("div", charts, class_="charts"),
        _table(shown, names),
    )


def _names(comparison: Comparison) -> list[str]:
    there = {name for run in comparison.runs for name in run.figures}
    return [name for name in FIGURES if name in there] + sorted(there - FIGURES.keys())


def _about(name: str) -> Figure:
    return FIGURES.get(name, Figure(name, ""))


def _table(shown: Shown, names: list[str]) -> Element:
    rows = [
        tag(
            "tr",
            tag("th", _about(name).title, tag("span", _about(name).how, class_="how"), scope="row"),
            [_cell(column, name) for column in shown.columns],
        )
        for name in names
    ]
    return table(
        "Every figure, and how it was measured", ["figure", *map(dot, shown.columns)], rows, id="figures-table"
    )


def _cell(column: Column, name: str) -> Element:
    timing = column.run.figures.get(name) if column.run is not None else None
    if timing is None:
        why = tag("span", "not measured", class_="quiet") if column.ran else badge("failed", "bad")
        return tag("td", why, class_="number")
    return tag("td", tag("b", median(timing)), tag("span", spread(timing), class_="how"), class_="number")


def losses(shown: Shown, comparison: Comparison) -> Element | None:
    """The loss at each step, and how far the curves lie apart."""
    columns = [column for column in shown.columns if column.run is not None and column.run.step_loss]
    if not columns:
        return None
    steps = max(len(column.run.step_loss) for column in columns if column.run is not None)
    sampled = sorted({round(i * (steps - 1) / (SAMPLED - 1)) for i in range(SAMPLED)})
    rows = [
        tag(
            "tr",
            tag("th", str(step + 1), scope="row"),
            [tag("td", _loss(column, step), class_="number") for column in columns],
        )
        for step in sampled
    ]
    apart = [
        tag("tr", tag("th", pair, scope="row"), tag("td", digits(value), class_="number"))
        for pair, value in comparison.distances.items()
    ]
    return section(
        "loss",
        "Loss curves",
        tag(
            "p",
            [
                [
                    tag(
                        "span",
                        tag("span", class_=f"stroke {column.colour} dash-{column.index % 8}", aria_hidden="true"),
                        column.label,
                        class_="run",
                    ),
                    " ",
                ]
                for column in columns
            ],
            class_="legend",
        ),
        tag("label", tag("input", type="checkbox", id="logarithmic"), " logarithmic axis", class_="choice"),
        tag("div", class_="chart", id="losses", data_table="losses-table"),
        fold(
            "The losses as a table",
            table("Loss at some of the steps", ["step", *map(dot, columns)], rows, id="losses-table"),
        ),
        table("How far the curves lie apart, relative, at most", ["pair", "distance"], apart) if apart else None,
    )


def _loss(column: Column, step: int) -> str:
    loss = column.run.step_loss if column.run is not None else ()
    return f"{loss[step]:.6g}" if step < len(loss) else "–"


def data(shown: Shown) -> dict[str, Any]:
    """What the charts draw."""
    comparison = shown.comparison
    return {
        "runs": [
            {
                "label": column.label,
                "index": column.index,
                "colour": f"var(--{column.colour})",
                "step_loss": [each if math.isfinite(each) else None for each in column.run.step_loss],
            }
            for column in shown.columns
            if column.run is not None
        ],
        "figures": dict(_bars(shown, comparison)) if comparison is not None else {},
    }


def _bars(shown: Shown, comparison: Comparison) -> Iterator[tuple[str, Any]]:
    for name in _names(comparison):
        rows = [
            {
                "label": column.label,
                "colour": f"var(--{column.colour})",
                "median": timing.median,
                "low": timing.low,
                "high": timing.high,
                "unit": timing.unit,
                "told": f"{column.label}: {median(timing)} ({spread(timing)})",
            }
            for column in shown.columns
            if column.run is not None and (timing := column.run.figures.get(name)) is not None
        ]
        yield name, {"title": _about(name).title, "better": _about(name).better, "rows": rows}
