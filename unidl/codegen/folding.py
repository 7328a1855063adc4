"""A run of equal statements over a list of sublayers becomes a loop."""

from __future__ import annotations

import re

from unidl.codegen.code import Line

_ITEM = re.compile(r"self\.(\w+)\[(\d+)\]")


def folded(lines: list[Line]) -> list[Line]:
    """The statements with each run `x = self.blocks[0](x)`, `x = self.blocks[1](x)`, … as one loop over `self.blocks`."""
    result: list[Line] = []
    place = 0
    while place < len(lines):
        width, count, name = _run(lines, place)
        if count < 2:
            result.append(lines[place])
            place += 1
            continue
        item = name.removesuffix("s") if name.endswith("s") and len(name) > 2 else f"one_of_{name}"
        body = [_replaced(line, name, item) for line in lines[place : place + width]]
        last = lines[place + width * (count - 1) : place + width * count]
        result.append(Line(f"for {item} in self.{name}:", "", lines[place].indent))
        for one, other in zip(body, last, strict=True):
            comment = one.comment if one.comment == other.comment else ""
            result.append(Line(one.text, comment, one.indent + 1, one.names))
        place += width * count
    return result


def _run(lines: list[Line], start: int) -> tuple[int, int, str]:
    """How many statements are one round, how many rounds there are, and of which list; of the whole list only."""
    first = _ITEM.search(lines[start].text)
    if first is None or first[2] != "0":
        return 1, 1, ""
    name = first[1]
    size = 1 + max(int(i) for line in lines for n, i in _ITEM.findall(line.text) if n == name)
    for width in range(1, 9):
        count = 0
        while _is_round(lines, start, width, count, name):
            count += 1
        if count == size:
            return width, count, name
    return 1, 1, ""


def _is_round(lines: list[Line], start: int, width: int, count: int, name: str) -> bool:
    begin = start + width * count
    if begin + width > len(lines):
        return False
    for k in range(width):
        line, model = lines[begin + k], lines[start + k]
        used = {i for n, i in _ITEM.findall(line.text) if n == name}
        if used - {str(count)} or line.indent != model.indent or line.text.startswith("return"):
            return False
        if _replaced(line, name, "\0").text != _replaced(model, name, "\0").text:
            return False
    return any(n == name for n, _ in _ITEM.findall(lines[begin].text))


def _replaced(line: Line, name: str, item: str) -> Line:
    text = re.sub(rf"self\.{re.escape(name)}\[\d+\]", item, line.text)
    return Line(text, line.comment, line.indent, line.names)
