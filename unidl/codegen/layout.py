"""Lines as the usual formatter leaves them: no longer than 88 columns, broken at brackets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from unidl.codegen.code import Line
from unidl.codegen.literals import comment as commented
from unidl.codegen.scanning import outside

WIDTH = 88
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def written(lines: Iterable[Line], indent: int) -> list[str]:
    """The statements with their comments, indented by so many steps of four."""
    result: list[str] = []
    for line in lines:
        result += _written(line.text, commented(line.comment), " " * 4 * (indent + line.indent))
    return result


def indented(lines: list[str]) -> list[str]:
    """Lines one step further in."""
    return [f"    {line}" if line else "" for line in lines]


def tidy(lines: Iterable[str]) -> list[str]:
    """Lines that are indented already, with each that is too long broken."""
    found: list[str] = []
    for line in lines:
        text = line.lstrip()
        margin = line[: len(line) - len(text)]
        found += wrapped(text, margin) if len(line) > WIDTH and not text.startswith("#") else [line]
    return found


def _written(text: str, comment: str, margin: str) -> list[str]:
    if not text:
        return _comment(comment, margin) if comment else [""]
    whole = f"{margin}{text}"
    if len(whole) <= WIDTH:
        behind = f"{whole}  # {comment}" if comment else whole
        return [behind] if len(behind) <= WIDTH else [*_comment(comment, margin), whole]
    lines = wrapped(text, margin)
    if not comment:
        return lines
    behind = f"{lines[-1]}  # {comment}"
    return [*lines[:-1], behind] if len(behind) <= WIDTH else [*_comment(comment, margin), *lines]


def _comment(comment: str, margin: str) -> list[str]:
    lines, line = [], f"{margin}#"
    for word in comment.split():
        if len(line) + 1 + len(word) > WIDTH and line != f"{margin}#":
            lines.append(line)
            line = f"{margin}#"
        line = f"{line} {word}"
    return [*lines, line]


def wrapped(text: str, margin: str, tail: str = "") -> list[str]:
    """A statement broken at its last bracket, or at an earlier one if that leaves a line that fits."""
    if len(margin) + len(text) + len(tail) <= WIDTH:
        return [f"{margin}{text}{tail}"]
    head, body = _assigned(text)
    targets = list(_elements(head.removesuffix(" = ")))
    if len(targets) > 1 and len(margin) + len(head) + len(body.partition("(")[0]) >= WIDTH:
        taken_apart = [line for target in targets for line in wrapped(target, f"{margin}    ", ",")]
        first, *more = wrapped(f"_ = {body}", margin)
        return [f"{margin}(", *taken_apart, first.replace("_", ")", 1), *more]
    if body and len(list(_elements(body))) > 1 and not tail:  # a tuple
        parts = [line for element in _elements(body) for line in wrapped(element, margin + "    ", ",")]
        return [f"{margin}{head}(", *parts, f"{margin})"]
    grouped = _grouped(body)
    if grouped and not tail and len(margin) + len(body) - grouped <= WIDTH:  # (a + b + …) / 3
        inside = _operands(body[1:grouped], margin + "    ")
        return [f"{margin}{head}(", *inside, f"{margin}{body[grouped:]}"]
    pair = _bracket(text, margin, tail)
    # a + f(…) that does not fit on one line is broken inside its last call, if what is before it fits
    last = body.endswith(")") and len(_operators(body)) == 1
    last = last and pair is not None and pair[1] == len(text) - 1 and len(margin) + pair[0] < WIDTH
    if body and (_operators(body) or len(_chain(body)) > 1) and not tail and not last:
        return [f"{margin}{head}(", *_operands(body, margin + "    "), f"{margin})"]
    if pair is None:
        return [f"{margin}{text}{tail}"]
    start, end = pair
    head, body, rest = text[: start + 1], text[start + 1 : end], text[end:] + tail
    inner = margin + "    "
    elements = list(_elements(body))
    before = head[-2:-1]
    called = before.isalnum() or before in ("_", ")", "]", '"')
    is_literal = not called and len(elements) > 1
    one_line = len(inner) + len(body) <= WIDTH and not body.endswith(",") and not is_literal
    if one_line:
        return [f"{margin}{head}", f"{inner}{body}", f"{margin}{rest}"]
    loops = [place for place in _outer(body) if body.startswith(" for ", place)]
    if loops:  # a comprehension
        loops += [place for place in _outer(body) if place > loops[0] and body.startswith(" if ", place)]
        loops.sort()
        parts = [body[a:b].strip() for a, b in pairwise([0, *loops, len(body)])]
        return [f"{margin}{head}", *(line for part in parts for line in wrapped(part, inner)), f"{margin}{rest}"]
    if (
        text[start] == "(" and not called and len(elements) == 1 and not body.endswith(",")
    ):  # brackets around an expression
        return [f"{margin}{head}", *_operands(body, inner), f"{margin}{rest}"]
    lines = [f"{margin}{head}"]
    for element in elements:
        lines += wrapped(element, inner, ",")
    return [*lines, f"{margin}{rest}"]


def _assigned(text: str) -> tuple[str, str]:
    """`x = ` or `return `, and what stands behind it."""
    if text.startswith("return "):
        return "return ", text.removeprefix("return ")
    target, mark, value = text.partition(" = ")
    return (f"{target} = ", value) if mark and not set(target) & set("([{") else ("", "")


def _operators(text: str) -> list[int]:
    """Where the weakest binary operators are at the outermost level."""
    for symbols in (
        (" if ", " else "),
        (" < ", " <= ", " > ", " >= ", " == ", " != "),
        (" + ", " - ", " & "),
        (" * ", " / ", " @ "),
    ):
        found = [place for place in _outer(text) if any(text.startswith(symbol, place) for symbol in symbols)]
        if found:
            return found
    return []


def _grouped(text: str) -> int:
    """Where the brackets around the first of two operands close; 0 where there are none."""
    pairs = list(_pairs(text))
    return pairs[0][1] if text.startswith("(") and len(_operators(text)) == 1 else 0


def _chain(text: str) -> list[int]:
    """Where the dots of a chain of calls are: x.a(…).b(…).c(…)."""
    return [place for place in _outer(text) if text[place] == "." and text[place - 1] == ")"]


def _operands(text: str, margin: str) -> list[str]:
    """An expression on a line of its own, or each operand on one, with its operator before it."""
    if len(margin) + len(text) <= WIDTH:
        return [f"{margin}{text}"]
    places = [0, *(_operators(text) or _chain(text)), len(text)]
    parts = [text[a:b].strip() for a, b in pairwise(places)]
    return [line for part in parts for line in wrapped(part, margin)]


def _outer(text: str) -> Iterator[int]:
    """The places outside all brackets and string literals."""
    depth = 0
    for place, letter in outside(text):
        if letter in _CLOSING:
            depth += 1
        elif letter in _CLOSING.values():
            depth -= 1
        elif depth == 0:
            yield place


def _bracket(text: str, margin: str, tail: str) -> tuple[int, int] | None:
    """The bracket at which a line is broken: the last one at the outermost level that has something inside."""
    pairs = [(a, b) for a, b in _pairs(text) if b - a > 1]
    if not pairs:
        return None
    for start, end in reversed(pairs):
        if len(margin) + start + 1 <= WIDTH and len(margin) + len(text) - end + len(tail) <= WIDTH:
            return start, end
    return pairs[-1]


def _pairs(text: str) -> Iterator[tuple[int, int]]:
    """The brackets at the outermost level."""
    depth, start = 0, 0
    for place, letter in outside(text):
        if letter in _CLOSING:
            start = place if depth == 0 else start
            depth += 1
        elif letter in _CLOSING.values():
            depth -= 1
            if depth == 0:
                yield start, place


def _elements(body: str) -> Iterator[str]:
    """The parts between the commas at the outermost level."""
    start = 0
    for place in _outer(body):
        if body[place] == ",":
            yield body[start:place].strip()
            start = place + 1
    if body[start:].strip():
        yield body[start:].strip()
