"""What each layer costs, in each run."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from unidl.insight.report.amounts import amount, many, median, spread
from unidl.insight.report.markup import section, table, tag
from unidl.insight.report.overview import dot
from unidl.insight.report.shown import Column, Shown
from unidl.inspection.cost import LayerCost
from unidl.inspection.timing import Timing

LONGEST = 36  # of a class' path
WIDTH = 64  # of a bar in a cell, in pixels


def costs(shown: Shown) -> Element | None:
    """A row for each layer: what it computes, then how long it takes in each run."""
    columns = [column for column in shown.columns if column.costs()]
    if not columns:
        return None
    paths = list(dict.fromkeys(path for column in columns for path in column.costs()))
    slowest = max(
        (
            time.median
            for column in columns
            for cost in column.costs().values()
            if cost.path
            for time in (cost.forward, cost.backward)
            if time
        ),
        default=0.0,
    )
    heads = ["layer", "class", "gives", "parameters", "FLOPs", "activations"]
    heads_of_runs = [tag("span", dot(column), tag("span", "forward · backward", class_="how")) for column in columns]
    rows = [_row(path, columns, slowest) for path in paths]
    total = sum(cost.parameters for cost in columns[0].costs().values())
    note = (
        f"{total:,} parameters in all; a row has the layer's own. FLOPs are those of the forward for this batch, a multiply-add counts as "
        "two, and a layer's own include those of the layers in it. Times are medians; a bar is drawn against the slowest layer. Each layer is "
        "timed alone, so that they add up to more than the model."
    )
    return section(
        "costs",
        "What each layer costs",
        tag("p", note, class_="quiet"),
        table("Costs by layer", [*heads, *heads_of_runs], rows, class_="costs"),
    )


def _row(path: str, columns: list[Column], slowest: float) -> Element:
    cost = next(column.costs()[path] for column in columns if path in column.costs())
    name = (
        tag("button", path, type="button", class_="link", data_layer=path, aria_pressed="false")
        if path
        else "the model"
    )
    flops = many(cost.flops) if cost.flops is not None else f"not counted: {', '.join(cost.uncounted)}"
    states = f" + {cost.states:,} states" if cost.states else ""
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", cost.layer),
        tag("td", " ".join(map(str, cost.output_shapes))),
        tag("td", f"{cost.parameters:,}{states}", class_="number"),
        tag("td", flops, class_="number"),
        tag("td", amount(cost.activation_bytes, "B"), class_="number"),
        [tag("td", _times(column.costs().get(path), slowest), class_=column.colour) for column in columns],
        data_layer=path or None,
    )


def _times(cost: LayerCost | None, slowest: float) -> list[Element | str]:
    if cost is None:
        return ["–"]
    parts: list[Element | str] = [tag("span", _short(cost), class_="how", title=cost.native)]
    for name, time in (("forward", cost.forward), ("backward", cost.backward)):
        parts.append(_time(name, time, slowest, bar=bool(cost.path)))
    return parts


def _short(cost: LayerCost) -> str:
    """The framework's class; of a long path, its end."""
    name = (
        cost.native
        if len(cost.native) <= LONGEST
        else f"…{cost.native[cost.native.rindex('.') :]}"
        if "." in cost.native
        else cost.native
    )
    return name if cost.way == "native" else f"{name} (definition)"


def _time(name: str, time: Timing | None, slowest: float, bar: bool) -> Element:
    if time is None:
        return tag("span", f"{name} –", class_="time quiet")
    if time.median <= 0:
        return tag("span", f"{name}: lost in noise", class_="time quiet")
    width = max(1, round(WIDTH * min(1.0, time.median / slowest))) if slowest else 0
    drawn = (
        tag(
            "svg",
            tag("rect", width=width, height=6, rx=2),
            width=WIDTH,
            height=6,
            class_=f"meter {name}",
            aria_hidden="true",
        )
        if bar
        else None
    )
    return tag(
        "span",
        drawn,
        f"{median(time)}",
        class_="time",
        title=f"{name}: {median(time)} ({spread(time)})",
        aria_label=f"{name} {median(time)}",
        role="img",
    )


def data(shown: Shown) -> dict[str, Any]:
    """Layer -> what the page says of it when it is chosen."""
    found: dict[str, list[list[str]]] = {}
    for column in shown.columns:
        for path, cost in column.costs().items():
            if path not in found:
                found[path] = [
                    ["class", cost.layer],
                    ["gives", " ".join(map(str, cost.output_shapes))],
                    ["parameters", f"{cost.parameters:,}"],
                    ["FLOPs", many(cost.flops) if cost.flops is not None else "not counted"],
                    ["activations", amount(cost.activation_bytes, "B")],
                ]
            times = [
                f"{name} {median(time)}"
                for name, time in (("forward", cost.forward), ("backward", cost.backward))
                if time is not None
            ]
            found[path].append([column.label, ", ".join([f"{cost.native} ({cost.way})", *times])])
    return found
