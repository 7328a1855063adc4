"""Python code, letter by letter: what stands in string literals is told from the code around it."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')


def outside(text: str) -> Iterator[tuple[int, str]]:
    """The letters that stand outside string literals, each with its place."""
    start = 0
    for found in _STRING.finditer(text):
        yield from enumerate(text[start : found.start()], start)
        start = found.end()
    yield from enumerate(text[start:], start)


def matches(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Where a pattern begins outside string literals."""
    strings = [found.span() for found in _STRING.finditer(text)]
    return [m for m in pattern.finditer(text) if not any(a <= m.start() < b for a, b in strings)]


def substituted(pattern: re.Pattern[str], new: str, text: str) -> str:
    """The text with `new` for each such match."""
    parts, start = [], 0
    for match in matches(pattern, text):
        parts += [text[start : match.start()], new]
        start = match.end()
    return "".join([*parts, text[start:]])
