"""The one place that writes values and text into Python source.

Whatever a file, a user or a layer says reaches generated code through `literal`, `numbered`, `docstring` or `comment`, or as a name
through `unidl.codegen.identifiers`. Each gives text that Python reads as exactly one literal, docstring or comment, whatever the
characters: quotes, backslashes, braces, line breaks and control characters cannot end it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unidl.codegen.code import Code, Value
from unidl.errors import SourceError
from unidl.graph.spec import DTYPES


def literal(value: Any) -> str:
    """A plain value, or a nest with codes in it, as Python writes it.

    Raises:
        SourceError: Python has no literal for it.
    """
    if isinstance(value, (Code, Value)):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, (bool, np.bool_)):
        return repr(None if value is None else bool(value))
    if isinstance(value, (int, np.integer)):
        return int.__repr__(int(value))
    if isinstance(value, (float, np.floating)):
        return _float(float(value))
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, slice):
        start, stop, step = ("" if part is None else literal(part) for part in (value.start, value.stop, value.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if value is Ellipsis:
        return "..."
    raise SourceError(
        f"A {type(value).__name__} cannot be written as source code.",
        expected="numbers, text, None, and lists, tuples and dicts of these",
        received=repr(value)[:200],
    )


def numbered(prefix: str, number: str) -> str:
    """An f-string of a text and a variable behind it: f"blocks_{i}"."""
    return f"f{_text(prefix.replace('{', '{{').replace('}', '}}') + '{' + number + '}')}"


def dtype(module: str, name: str) -> Code:
    """A dtype as a framework's attribute: torch.float32."""
    if name not in DTYPES:
        raise SourceError("There is no such dtype.", expected=", ".join(DTYPES), received=repr(name)[:200])
    return Code(f"{module}.{DTYPES[DTYPES.index(name)]}")  # the table's text, not the one given


def docstring(*lines: str) -> list[str]:
    """A docstring of these lines; LaTeX stays readable, in a raw string where Python can read it there.

    Halves of surrogate pairs, which no class' docstring may hold, are shown as escapes.

    Example:
        >>> docstring("y = x @ kernel")[0].strip('"')
        'y = x @ kernel'
    """
    lines = tuple(line.encode("utf-8", "backslashreplace").decode() for line in lines)
    text = "\n".join(lines)
    alone = len(lines) == 1  # the closing quotes stand behind the last letter
    quoted = '"""' in text or (alone and text.endswith('"'))
    raw = "\\" in text and not quoted and not (alone and text.endswith("\\")) and all(map(str.isprintable, lines))
    if not raw:
        lines = tuple(_escaped(line.replace("\\", "\\\\").replace('"', '\\"' if quoted else '"')) for line in lines)
    opened = f'{"r" if raw else ""}"""{lines[0]}'
    return [f'{opened}"""'] if alone else [opened, *lines[1:], '"""']


def comment(text: str) -> str:
    """What stands behind a `#`: one line."""
    return _escaped(text)


def _text(value: str) -> str:
    """A string literal on one line, in single quotes where that spares escapes."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + _escaped(str.__str__(value).replace("\\", "\\\\").replace(quote, f"\\{quote}")) + quote


def _escaped(text: str) -> str:
    """What is not printable as escapes: line breaks, control characters, what reorders letters, halves of surrogate pairs."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _float(value: float) -> str:
    """1e-5 and 1e30, as one writes them."""
    if not math.isfinite(value):
        return f'float("{value}")'
    mantissa, mark, exponent = float.__repr__(value).partition("e")
    return f"{mantissa}e{int(exponent)}" if mark else mantissa
