"""Code on the page: coloured by Pygments, each line by itself, with the layers that it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree.ElementTree import Element

from pygments.lexers.python import PythonLexer
from pygments.token import STANDARD_TYPES

from unidl.insight.report.markup import clean, tag
from unidl.insight.report.source_lines import lines_of_layers


def code(text: str, label: str, layers: Iterable[str]) -> Element:
    """The code in a region that scrolls by itself and can be reached with the keyboard."""
    about = lines_of_layers(text, layers)
    lines = [
        tag(
            "span",
            pieces or "",
            "\n",
            class_="line",
            data_layers=json.dumps(about[number]) if number in about else None,
        )
        for number, pieces in enumerate(_lines(clean(text)), 1)
    ]
    return tag("pre", tag("code", lines), class_="code", tabindex=0, role="region", aria_label=label)


def _lines(text: str) -> Iterator[list[Element | str]]:
    pieces: list[Element | str] = []
    for token, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(text):
        kind = _kind(token)
        for i, part in enumerate(value.split("\n")):
            if i:
                yield pieces
                pieces = []
            if part:
                pieces.append(tag("span", part, class_=kind) if kind else part)
    if pieces:
        yield pieces


def _kind(token: Any) -> str:
    """The short class of a token, or of the family it belongs to."""
    while token not in STANDARD_TYPES and token.parent is not None:
        token = token.parent
    return str(STANDARD_TYPES.get(token, ""))
