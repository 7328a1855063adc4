"""HTML as a tree, so that whatever a user's text holds is escaped: nothing here joins strings to markup."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import Element, tostring

Content = Element | str | Iterable["Content"] | None

# what no XML or HTML document may hold: control characters, halves of surrogate pairs
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text without characters that a page cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)


def tag(kind: str, /, *content: Content, **attributes: str | int | bool | None) -> Element:
    """An element. `class_` and `for_` lose the underscore, others become hyphens; True stands alone, None and False are left out.

    Example:
        >>> html(tag("td", "a < b", class_="number", data_layer="dense"))
        '<td class="number" data-layer="dense">a &lt; b</td>'
    """
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    made = Element(
        kind,
        {
            name: name if value is True else clean(str(value))
            for name, value in names.items()
            if value is not None and value is not False
        },
    )
    _add(made, content)
    return made


def _add(parent: Element, content: Content) -> None:
    if content is None:
        return
    if isinstance(content, Element):
        parent.append(content)
    elif isinstance(content, str):
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + clean(content)
        else:
            parent.text = (parent.text or "") + clean(content)
    else:
        for each in content:
            _add(parent, each)


def html(element: Element) -> str:
    """The element as HTML."""
    return tostring(element, encoding="unicode", method="html")


def packed(value: Any) -> str:
    """JSON for a script element, compressed: the graphs of a large model are megabytes of repeated words. No text in it can end the element."""
    text = json.dumps(_cleaned(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _cleaned(value: Any) -> Any:
    """The same texts as in the page's elements: the script finds one by the other."""
    if isinstance(value, str):
        return clean(value) if _FORBIDDEN.search(value) else value
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(each) for each in value]
    return value


def table(
    caption: str, head: Iterable[Content], rows: Iterable[Element], **attributes: str | int | bool | None
) -> Element:
    """A table in a region of its own, which scrolls where the screen is narrower than it."""
    heads = [tag("th", each, scope="col") for each in head]
    made = tag("table", tag("caption", caption), tag("thead", tag("tr", heads)), tag("tbody", rows), **attributes)
    return tag("div", made, class_="scrolls", tabindex=0, role="region", aria_label=caption)


def badge(text: str, kind: str) -> Element:
    """A word in a coloured frame; the word says it, the colour repeats it."""
    return tag("span", text, class_=f"badge {kind}")


def fold(summary: Content, *content: Content, opened: bool = False, **attributes: str | int | bool | None) -> Element:
    """What is shown when asked for."""
    return tag("details", tag("summary", summary), *content, open=opened, **attributes)


def section(name: str, title: str, *content: Content) -> Element:
    """A part of the page with its head; its name is what the bar of links calls it."""
    return tag("section", tag("h2", title, id=f"{name}-head"), *content, id=name, aria_labelledby=f"{name}-head")
