"""The user's code and what it is in each framework, side by side."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from unidl.insight.comparison import Comparison
from unidl.insight.report.code import code
from unidl.insight.report.markup import Content, section, tag
from unidl.insight.report.overview import dot
from unidl.insight.report.shown import Column, Shown


def sources(shown: Shown, comparison: Comparison) -> Element:
    """The unchanged code first, then each distinct native source."""
    layers = shown.layers()
    shared: dict[str, list[Column]] = {}
    for column in shown.columns:
        if column.run is not None and (column.run.source.text or column.run.source.refused):
            shared.setdefault(column.run.source.text or f"refused {column.label}", []).append(column)
    natives = [_native(columns, layers) for columns in shared.values()]
    return section(
        "sources",
        "The code, and what it is in each framework",
        tag("h3", "The code that ran, unchanged, everywhere"),
        code(comparison.code, "The user's code", layers)
        if comparison.code.strip()
        else tag("p", "Its source was not to be had.", class_="quiet"),
        [tag("h3", "The same model, written natively"), tag("div", natives, class_="side-by-side")]
        if natives
        else None,
    )


def _native(columns: list[Column], layers: list[str]) -> Element:
    assert columns[0].run is not None
    source = columns[0].run.source
    names: Content = [[dot(column), " "] for column in columns]
    label = f"Source for {', '.join(column.label for column in columns)}"
    if not source.text:
        return tag("div", tag("h4", names), tag("p", source.refused), class_="card")
    counted = f"{source.lines} lines · {source.names} names of the framework"
    return tag(
        "div", tag("h4", names), tag("p", counted, class_="quiet"), code(source.text, label, layers), class_="card"
    )
