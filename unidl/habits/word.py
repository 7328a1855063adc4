"""Looking a word up."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import ModuleType

from unidl.errors import ForeignNameError


def suggestion(word: str, table: Mapping[str, str], known: Iterable[str] = ()) -> str | None:
    """unidl's way for a foreign or misspelt word, or None.

    Args:
        word: What was typed.
        table: Foreign word -> way; looked up as typed, then in snake case without capitals.
        known: unidl's own words, for misspellings.
    """
    flat = word.lower().replace("-", "_").replace(" ", "_")
    for key in (word, flat, flat.replace("_", "")):
        if key in table:
            return table[key]
    bare = {name.lower().replace("_", ""): name for name in known}
    close = difflib.get_close_matches(flat.replace("_", ""), bare, n=1, cutoff=0.75)
    return bare[close[0]] if close else None


def sentence(way: str | None) -> str | None:
    """A way as the fix of an error: "Write units.", or the sentence that it is already."""
    if way is None:
        return None
    return way if way[0].isupper() and way.endswith(".") else f"Write {way}."


def missing(where: str, word: str, table: Mapping[str, str], has: Mapping[str, object]) -> AttributeError:
    """The error for a name that a package does not have.

    Args:
        where: The package, "unidl.layers".
        word: What was asked for.
        table: Foreign word -> way.
        has: Its names and what they stand for.
    """
    if word.startswith("_"):  # Python and tools ask for such names to see whether they are there
        return AttributeError(f"module {where!r} has no attribute {word!r}")
    known = [name for name, value in has.items() if not name.startswith("_") and not isinstance(value, ModuleType)]
    way = suggestion(word, table, known)
    if way in known:
        way = f"{where}.{way}"
    expected = None if way is not None else f"one of {', '.join(sorted(known))}"
    return ForeignNameError(f"{where} has no {word!r}.", expected=expected, fix=sentence(way))
