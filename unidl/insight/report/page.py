"""The page: everything in one file, which opens from disk and asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from unidl.files import checked_path, write_text
from unidl.insight.comparison import Comparison
from unidl.insight.drawing import asset
from unidl.insight.report import costs, measures, overview, phases, pictures, sources
from unidl.insight.report.markup import clean, fold, html, packed, tag
from unidl.insight.report.shown import Shown, shown
from unidl.inspection.inspection import Inspection

STYLES = ("colours.css", "page.css", "code.css", "picture.css")

Subject = Comparison | Inspection | Sequence[Inspection]


def write(path: str | os.PathLike[str], subject: Subject) -> Path:
    """Write the page of a comparison or of inspections, in one file.

    Args:
        path: Where to; a file that is there is replaced.
        subject: What `unidl.compare` or `unidl.inspect` returned, or a list of inspections (a model's and its step's; several backends').
    Returns:
        The path.
    Raises:
        FileError: The file cannot be written.
        ArgumentError: There is no page of such a subject.
    """
    target = checked_path(path, "The report")
    write_text(target, page(subject), "The report")
    return target


def page(subject: Subject) -> str:
    """The page as a text; `write` says of what."""
    what = shown(subject)
    style = "".join(asset(name) for name in STYLES)
    script = asset("page.js")
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{what.name} · unidl"),
        tag("style", style),
    )
    body = tag(
        "body",
        _body(what),
        tag("script", packed(_data(what)), type="application/gzip", id="data"),
        tag("script", script),
    )
    return f"<!DOCTYPE html>\n{html(tag('html', head, body, lang='en'))}\n"


def _hash(text: str) -> str:
    """What lets this very text run, and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(clean(text).encode()).digest()).decode()}"


def _body(what: Shown) -> list[Element]:
    parts: list[Element | None] = []
    comparison = what.comparison
    if comparison is not None:
        parts += [
            overview.advice(comparison),
            overview.runs(what, comparison),
            measures.figures(what, comparison),
            measures.losses(what, comparison),
            sources.sources(what, comparison),
        ]
    parts += [pictures.graphs(what), pictures.lanes(what), costs.costs(what), phases.phases(what), phases.changes(what)]
    if comparison is not None:
        parts.append(phases.debugging(what, comparison))
    parts.append(phases.facts(what))
    sections = [part for part in parts if part is not None]
    theme = tag("button", "Dark", type="button", id="theme", hidden=True, aria_pressed="false")
    return [
        tag("a", "Skip to the content", href="#content", class_="skip"),
        tag("header", tag("span", "unidl", class_="brand"), overview.contents(sections), theme, class_="bar"),
        tag("main", overview.head(what), sections, id="content"),
        tag(
            "footer",
            tag("p", "Made by unidl. This page holds everything that it shows and asks the network for nothing."),
            _licences(),
        ),
    ]


def _licences() -> Element:
    return fold(
        "Licences of the libraries in this page",
        tag("pre", asset("licences.txt"), class_="plain", tabindex=0),
        id="licences",
    )


def _data(what: Shown) -> dict[str, object]:
    return {**measures.data(what), "graphs": pictures.data(what), "costs": costs.data(what), "layers": what.layers()}
