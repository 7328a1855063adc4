"""The graphs: a place for each picture, which the page's script fills, and what they hold as a table."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from unidl.insight.drawing import as_data
from unidl.insight.report.markup import fold, section, table, tag
from unidl.insight.report.overview import dot
from unidl.insight.report.shown import Column, Shown
from unidl.inspection.graph import LANES, Graph
from unidl.inspection.inspection import Inspection

TOOLS = (
    ("in", "+", "Zoom in"),
    ("out", "−", "Zoom out"),
    ("fit", "fit", "fit: show the whole picture"),
    ("open", "open", "open one level more"),
    ("close", "close", "close everything"),
)
COMMONEST = 5

LEAD = "Choose a layer in one picture: it lights up in the others, in the sources and in the table of costs. A colour is a layer."
HELP = (
    "A box with + holds more: a click on the sign, a double click or the space bar opens and closes it.",
    "With the keyboard: Tab goes into a picture and out of it, arrows go from box to box, Enter chooses, Space opens, + and − zoom, 0 shows "
    "all, Shift with arrows moves the picture, Escape lets go.",
    "With a mouse: drag; Ctrl and the wheel zoom, and so does the wheel alone once the picture has the focus.",
    "With fingers: two of them move and zoom, one scrolls the page.",
)


def graphs(shown: Shown) -> Element | None:
    """What each framework made of the model."""
    figures = [
        _viewer(column, "model", column.inspections["model"]) for column in shown.columns if _drawn(column, "model")
    ]
    if not figures:
        return None
    return section(
        "graphs",
        "The graphs",
        tag("p", LEAD, class_="quiet"),
        fold("How to move in the pictures", tag("ul", [tag("li", each) for each in HELP], class_="quiet")),
        tag("div", figures, class_="pictures"),
        _selection(),
        _counts(shown, "model"),
    )


def lanes(shown: Shown) -> Element | None:
    """One training step in four lanes."""
    figures = [
        _viewer(column, "step", column.inspections["step"]) for column in shown.columns if _drawn(column, "step")
    ]
    if not figures:
        return None
    return section(
        "step",
        "One training step in four lanes",
        tag("p", "Forward, loss, backward, update: from top to bottom, in each framework's own words.", class_="quiet"),
        _lane_table(shown),
        tag("div", figures, class_="pictures tall"),
        _selection(),
        _counts(shown, "step"),
    )


def _drawn(column: Column, subject: str) -> bool:
    return subject in column.inspections and bool(column.inspections[subject].graphs)


def _selection() -> Element:
    return tag("aside", class_="selection card", hidden=True, aria_live="polite", aria_label="What is chosen")


def _first(inspection: Inspection) -> str:
    """The graph that is shown at first."""
    preferred = ("step",) if inspection.subject == "step" else ("layers", "graph")
    return next((name for name in preferred if name in inspection.graphs), next(iter(inspection.graphs)))


def _viewer(column: Column, subject: str, inspection: Inspection) -> Element:
    first = _first(inspection)
    options = [
        tag("option", _called(graph), value=name, selected=name == first) for name, graph in inspection.graphs.items()
    ]
    name = f"{subject}-{column.index}"
    buttons = [tag("button", sign, type="button", data_do=do, title=told, aria_label=told) for do, sign, told in TOOLS]
    return tag(
        "figure",
        tag("figcaption", tag("h3", dot(column))),
        tag(
            "div",
            tag("select", options, aria_label=f"Graph of {column.label}"),
            buttons,
            class_="tools",
            role="group",
            aria_label=f"What is shown of {column.label}",
        ),
        tag("svg", class_="picture", role="group", aria_roledescription="graph", aria_label=f"Graph of {column.label}"),
        tag("p", class_="note quiet"),
        tag("p", class_="said", aria_live="polite"),
        tag("noscript", "Pictures need this page's script to run; the table below says what they hold."),
        class_="viewer card",
        data_run=column.label,
        data_subject=subject,
        id=name,
    )


def _called(graph: Graph) -> str:
    return f"{graph.name} · {len(graph.nodes):,} nodes"


def _ops(graph: Graph) -> str:
    counts = graph.counts()
    told = ", ".join(f"{count} × {op}" for op, count in list(counts.items())[:COMMONEST])
    return told + (f" and {len(counts) - COMMONEST} kinds more" if len(counts) > COMMONEST else "")


def _counts(shown: Shown, subject: str) -> Element:
    rows = [
        tag(
            "tr",
            tag("th", dot(column), scope="row"),
            tag("td", name),
            tag("td", f"{len(graph.nodes):,}", class_="number"),
            tag("td", f"{len(graph.edges):,}", class_="number"),
            tag("td", _ops(graph)),
            tag("td", graph.title),
        )
        for column in shown.columns
        if _drawn(column, subject)
        for name, graph in column.inspections[subject].graphs.items()
    ]
    return fold(
        "What the pictures hold, as a table",
        table("Graphs", ["run", "graph", "nodes", "edges", "most frequent", "what it shows"], rows),
    )


def _lane_table(shown: Shown) -> Element:
    columns = [
        column for column in shown.columns if _drawn(column, "step") and "step" in column.inspections["step"].graphs
    ]
    rows = []
    for lane in LANES:
        cells = []
        for column in columns:
            whole = column.inspections["step"].graphs["step"]
            nodes = tuple(node for node in whole.nodes if node.lane == lane)
            part = Graph(lane, lane, nodes, ())
            cells.append(tag("td", tag("b", f"{len(nodes):,} nodes"), tag("span", _ops(part), class_="how")))
        rows.append(tag("tr", tag("th", lane, scope="row"), cells))
    return table("What stands in each lane", ["lane", *map(dot, columns)], rows)


def data(shown: Shown) -> dict[str, Any]:
    """Run -> subject -> name -> graph."""
    return {
        column.label: {
            subject: {name: as_data(graph) for name, graph in inspection.graphs.items()}
            for subject, inspection in column.inspections.items()
        }
        for column in shown.columns
    }
