"""A run of equal statements over a list of sublayers becomes a loop."""

from __future__ import annotations

import re
from dataclasses import replace

from unidl.codegen.code import Line

# how a statement names the object at a place of a list: as a member, or by the name that it is made with
_MEMBER = re.compile(r"self\.(\w+)\[(\d+)\]")
_NAMED = re.compile(r'name="(\w+?)_(\d+)"')


def folded(lines: list[Line]) -> list[Line]:
    """The statements with each run `x = self.blocks[0](x)`, `x = self.blocks[1](x)`, … as one loop over `self.blocks`."""
    result: list[Line] = []
    place = 0
    while place < len(lines):
        run = _Run.at(lines, place)
        if run is None:
            result.append(lines[place])
            place += 1
            continue
        result += run.loop(lines)
        place += run.width * run.count
    return result


class _Run:
    """Rounds of equal statements.

    Args:
        start: Where the first round begins.
        width: Statements in a round.
        count: Rounds.
        name: Of the list.
        pattern: How the statements name its items.
    """

    def __init__(self, start: int, width: int, count: int, name: str, pattern: re.Pattern[str]) -> None:
        self.start, self.width, self.count, self.name, self.pattern = start, width, count, name, pattern

    @classmethod
    def at(cls, lines: list[Line], start: int) -> _Run | None:
        """The run that begins there, over the whole of a list, if one does."""
        for pattern in (_MEMBER, _NAMED):
            first = pattern.search(lines[start].text)
            if first is None or first[2] != "0":
                continue
            size = 1 + max(int(i) for line in lines for n, i in pattern.findall(line.text) if n == first[1])
            for width in range(1, 9):
                run = cls(start, width, size, first[1], pattern)
                if size > 1 and all(run._is_round(lines, k) for k in range(size)):
                    return run
        return None

    def _is_round(self, lines: list[Line], number: int) -> bool:
        begin = self.start + self.width * number
        if begin + self.width > len(lines):
            return False
        for line, model in zip(lines[begin : begin + self.width], lines[self.start :], strict=False):
            used = {i for n, i in self.pattern.findall(line.text) if n == self.name}
            if used - {str(number)} or line.indent != model.indent or line.names != model.names:
                return False
            if self._abstract(line.text) != self._abstract(model.text):
                return False
        return any(n == self.name for n, _ in self.pattern.findall(lines[begin].text))

    def _abstract(self, text: str, item: str = "") -> str:
        member = self.pattern is _MEMBER
        found = rf"self\.{self.name}\[\d+\]" if member else rf'name="{self.name}_\d+"'
        return re.sub(found, item or "\0", text)

    def loop(self, lines: list[Line]) -> list[Line]:
        """The loop."""
        indent = lines[self.start].indent
        if self.pattern is _MEMBER:
            item = (
                self.name.removesuffix("s") if self.name.endswith("s") and len(self.name) > 2 else f"one_of_{self.name}"
            )
            head = f"for {item} in self.{self.name}:"
        else:
            item = f'name=f"{self.name}_{{i}}"'
            head = f"for i in range({self.count}):"
        body = lines[self.start : self.start + self.width]
        end = self.start + self.width * self.count
        comments = [
            one.comment if one.comment == last.comment else ""
            for one, last in zip(body, lines[end - self.width : end], strict=True)
        ]
        return [Line(head, "", indent)] + [
            replace(line, text=self._abstract(line.text, item), comment=comment, indent=line.indent + 1)
            for line, comment in zip(body, comments, strict=True)
        ]
