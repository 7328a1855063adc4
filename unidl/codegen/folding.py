"""A run of equal statements over a list of sublayers becomes a loop."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from unidl.codegen.code import Line
from unidl.codegen.literals import literal, numbered
from unidl.codegen.scanning import matches, substituted

# how a statement names the object at a place of a list: as a member, or by the name that it is made with
_MEMBER = re.compile(r"self\.(\w+)\[(\d+)\]")
_NAMED = re.compile(r'\bname="(\w+?)_(\d+)"')


def folded(lines: list[Line], name: Callable[[str], str]) -> list[Line]:
    """The statements with each run `x = self.blocks[0](x)`, `x = self.blocks[1](x)`, … as one loop over `self.blocks`.

    Args:
        lines: The statements.
        name: Gives a name that nothing has yet, near a text.
    """
    result: list[Line] = []
    place = 0
    while place < len(lines):
        run = _Run.at(lines, place)
        if run is None:
            result.append(lines[place])
            place += 1
            continue
        result += run.loop(lines, name)
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
            first = next(iter(matches(pattern, lines[start].text)), None)
            if first is None or first[2] != "0":
                continue
            name = first[1]
            size = 1 + max(int(m[2]) for line in lines for m in matches(pattern, line.text) if m[1] == name)
            for width in range(1, 9):
                run = cls(start, width, size, name, pattern)
                if size > 1 and all(run._is_round(lines, k) for k in range(size)):
                    return run
        return None

    def _is_round(self, lines: list[Line], number: int) -> bool:
        begin = self.start + self.width * number
        if begin + self.width > len(lines):
            return False
        for line, model in zip(lines[begin : begin + self.width], lines[self.start :], strict=False):
            used = {m[2] for m in matches(self.pattern, line.text) if m[1] == self.name}
            if used - {str(number)} or line.indent != model.indent or line.names != model.names:
                return False
            if self._abstract(line.text) != self._abstract(model.text):
                return False
        return any(m[1] == self.name for m in matches(self.pattern, lines[begin].text))

    def _abstract(self, text: str, item: str = "") -> str:
        member = self.pattern is _MEMBER
        found = rf"self\.{self.name}\[\d+\]" if member else rf"\bname={re.escape(literal(self.name)[:-1])}_\d+\""
        return substituted(re.compile(found), item or "\0", text)

    def loop(self, lines: list[Line], name: Callable[[str], str]) -> list[Line]:
        """The loop."""
        indent = lines[self.start].indent
        if self.pattern is _MEMBER:
            plural = self.name.endswith("s") and len(self.name) > 2
            item = name(self.name.removesuffix("s") if plural else f"one_of_{self.name}")
            head = f"for {item} in self.{self.name}:"
        else:
            number = name("i")
            item = f"name={numbered(f'{self.name}_', number)}"
            head = f"for {number} in range({self.count}):"
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
