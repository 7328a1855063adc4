"""The one place that makes identifiers for generated code and native objects out of what files, users and layers call things."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Callable, Iterable, Mapping

_READ_AS_DIGITS = ("l", "O", "I")


def identifier(text: str) -> str:
    """A variable's or function's name near the text: no keyword, and no builtin that the code may call."""
    found = spelled(text).strip("_") or "x"
    found = found if found.isidentifier() else spelled(f"x{found}")
    taken = keyword.iskeyword(found) or hasattr(builtins, found) or found in _READ_AS_DIGITS
    return f"{found}_" if taken else found


def reserved(names: Iterable[str]) -> dict[str, int]:
    """How many underscores are put behind a name so that it is none of these; by the name without its own."""
    found: dict[str, int] = {}
    for name in names:
        stem = name.rstrip("_")
        found[stem] = max(found.get(stem, 1), len(name) - len(stem) + 1)
    return found


KEYWORDS: Mapping[str, int] = reserved(keyword.kwlist)


def unreserved(name: str, taken: Mapping[str, int]) -> str:
    """The identifier, with underscores behind it if it is taken or looks like one renamed so: no two become one.

    Args:
        name: An identifier.
        taken: What `reserved` gave.
    """
    return name + "_" * taken.get(name.rstrip("_"), 0)


def attribute(text: str, taken: Mapping[str, int] = KEYWORDS) -> str:
    """An attribute's name near the text as code names it, none of `taken`, which has the keywords.

    Python would mangle one that begins with two underscores.
    """
    found = spelled(text)
    if found.startswith("__"):
        found = f"_{found.strip('_')}"
    return unreserved(found if found.isidentifier() else spelled(f"layer_{found}"), taken)


def plain(text: str) -> str:
    """An identifier of ASCII letters near the text, for formats that take no other: an input's name.

    Example:
        >>> plain("größe in m"), plain("1st"), plain("日本")
        ('gro_e_in_m', 'x1st', 'input')
    """
    letters = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    found = (
        "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in letters).strip("_") or "input"
    )
    found = f"x{found}" if found[0].isdigit() else found
    return f"{found}_" if keyword.iskeyword(found) or found == "self" else found


def spelled(text: str) -> str:
    """The text with an underscore for what no identifier may have, in the form in which Python reads identifiers (NFKC)."""
    letters = unicodedata.normalize("NFKC", text)
    return "".join(letter if f"_{letter}".isidentifier() else "_" for letter in letters)


def distinct(texts: Iterable[str], form: Callable[[str], str]) -> dict[str, str]:
    """A name for each text, all different; a text that is its own form keeps its name.

    Args:
        texts: Which differ.
        form: A name near a text; of a name that fits, that name.

    Example:
        >>> distinct(["a.b", "a_b", "a b"], spelled)
        {'a.b': 'a_b_2', 'a_b': 'a_b', 'a b': 'a_b_3'}
    """
    forms = {text: form(text) for text in texts}
    used = {text for text, name in forms.items() if name == text}
    found = {}
    for text, name in forms.items():
        free, number = name, 1
        while text != name and free in used:
            number += 1
            free = form(f"{name}_{number}")
        used.add(free)
        found[text] = free
    return found
