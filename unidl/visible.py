"""Text from files and users as a terminal may have it: what would move its cursor or reorder its letters is shown as an escape."""

from __future__ import annotations

import re

# control characters (C0, DEL, C1), marks that reorder letters, line and paragraph separators, halves of surrogate pairs
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""The text on one line, control characters written out.

    Example:
        >>> print(visible("loss\x1b[2J\n"))
        loss\x1b[2J\n
    """
    return _CONTROL.sub(_escaped, text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines: line breaks and tabs stay."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else _escaped(found), text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
