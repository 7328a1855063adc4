"""Looking a word up. What is named means the same, or nothing is named."""

from __future__ import annotations

import functools
import importlib
import importlib.resources
import re
from collections.abc import Iterable, Mapping
from types import ModuleType

from unidl.errors import ArgumentError, ForeignNameError
from unidl.habits.later import GENERIC, LATER

PACKAGES = ("layers", "ops", "losses", "metrics", "optimizers", "schedules", "callbacks", "initializers")


def bare(word: str) -> str:
    """A word without its way of writing: small letters, no underscores."""
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")


@functools.cache
def foreign_names() -> Mapping[str, frozenset[str]]:
    """The public names of Keras, TensorFlow, torch, Lightning and NumPy, bare, and which of unidl's families each would belong to.

    tests/errors/foreign_names.py writes the file.
    """
    text = importlib.resources.files("unidl.habits").joinpath("foreign.txt").read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines()]
    return {word: frozenset(families) for word, *families in rows}


def is_foreign(word: str) -> bool:
    """Whether it is a name of another framework: then nobody may guess that something else was meant."""
    return bare(word) in foreign_names()


def suggestion(word: str, table: Mapping[str, str], known: Iterable[str] = ()) -> str | None:
    """unidl's way for a foreign or misspelt word, or None.

    Args:
        word: What was typed.
        table: Foreign word -> way, which means the same; looked up as typed, then in snake case without capitals.
        known: unidl's own words, for misspellings.
    """
    flat = word.lower().replace("-", "_").replace(" ", "_")
    for key in (word, flat, flat.replace("_", "")):
        if key in table:
            return table[key]
    own = {bare(name): name for name in known}
    if bare(word) in own:
        return own[bare(word)]
    return None if is_foreign(word) else _misspelt(bare(word), own)


def _misspelt(word: str, own: Mapping[str, str]) -> str | None:
    """The one own word that is a letter or two away; of short words nothing is guessed."""
    if len(word) < 4:
        return None
    near = sorted((distance(word, name), name) for name in own if abs(len(name) - len(word)) < 3)
    if not near or near[0][0] > (1 if len(word) < 7 else 2) or (len(near) > 1 and near[1][0] == near[0][0]):
        return None
    return own[near[0][1]]


def distance(a: str, b: str) -> int:
    """How many letters are to be put in, taken out, exchanged or swapped with their neighbour (Damerau, 1964)."""
    rows: list[list[int]] = [list(range(len(b) + 1))]
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(row[j - 1] + 1, rows[i - 1][j] + 1, rows[i - 1][j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, rows[i - 2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def later(family: str, word: str) -> str | None:
    """How one writes what unidl does not have yet; None where the word is no name of another framework.

    Args:
        family: "layers", "losses", "activations".
        word: What was typed.
    """
    known = LATER.get(family, {})
    if bare(word) in known:
        return known[bare(word)]
    return GENERIC[family] if family in foreign_names().get(bare(word), ()) else None


def sentence(way: str | None) -> str | None:
    """A way as the fix of an error: "Write units.", or the sentence that it is already."""
    if way is None:
        return None
    return way if way[0].isupper() and way.endswith(".") else f"Write {way}."


def argument_sentence(word: str, way: str, names: Iterable[str]) -> str:
    """The fix for an argument: "Use `units=` instead of `out_features=`.".

    Args:
        word: What was typed.
        way: unidl's way: one of its own arguments, with or without a remark, or an expression.
        names: The arguments that there are.
    """
    own = next((name for name in sorted(names, key=len, reverse=True) if re.match(rf"{name}(?![\w.(\[])", way)), None)
    if own is None:
        return sentence(way) or ""
    rest = way[len(own) :]
    if rest.startswith("="):  # a value: jit=False
        return f"Use `{way}` instead of `{word}=`."
    return f"Use `{own}=`{rest}{',' if rest.startswith(',') else ''} instead of `{word}=`."


def elsewhere(word: str, family: str) -> str | None:
    """Where unidl has the word itself, in another package than the one that was asked."""
    homes = [
        package
        for package in PACKAGES
        if package != family
        and not isinstance(vars(importlib.import_module(f"unidl.{package}")).get(word, importlib), ModuleType)
    ]
    return f"unidl.{homes[0]}.{word}" if len(homes) == 1 else None  # of several nobody knows which was meant


def missing(
    where: str,
    word: str,
    table: Mapping[str, str],
    has: Mapping[str, object],
    others: Mapping[str, Mapping[str, str]] | None = None,
) -> AttributeError:
    """The error for a name that a package does not have.

    Args:
        where: The package, "unidl.layers".
        word: What was asked for.
        table: Foreign word -> way.
        has: Its names and what they stand for.
        others: Family -> its table, for a word that belongs to another package.
    """
    if word.startswith("_"):  # Python and tools ask for such names to see whether they are there
        return AttributeError(f"module {where!r} has no attribute {word!r}")
    family = where.rpartition(".")[2]
    known = [name for name, value in has.items() if not name.startswith("_") and not isinstance(value, ModuleType)]
    belongs = family in foreign_names().get(
        bare(word), ()
    )  # else it may be a word of another family, in the wrong place
    way = table.get(word) or (None if belongs else elsewhere(word, family)) or suggestion(word, table, known)
    if way in known:
        way = f"{where}.{way}"
    if way is None and not belongs:
        way = next((rows[word] for rows in (others or {}).values() if word in rows), None)
    if way is not None:
        return ForeignNameError(f"{where} has no {word!r}.", fix=sentence(way))
    unwritten = later(family, word)
    if unwritten is None:
        unwritten = next((rows[bare(word)] for rows in LATER.values() if bare(word) in rows), None)
    if unwritten is not None:
        return ForeignNameError(f"{where} has no {word!r} yet.", fix=sentence(unwritten))
    expected = None if is_foreign(word) else f"one of {', '.join(sorted(known))}"
    return ForeignNameError(f"{where} has no {word!r}.", expected=expected)


def no_such(
    kind: str, family: str, word: object, table: Mapping[str, str], names: Iterable[str], others: str
) -> ArgumentError:
    """The error for a name, given as a text, that nothing of a family has.

    Args:
        kind: "loss".
        family: "losses".
        word: What was given.
        table: Foreign word -> way.
        names: The family's own names.
        others: What else is taken: "an object of unidl.losses".
    """
    known = list(names)
    way = suggestion(word, table, known) if isinstance(word, str) else None
    unwritten = later(family, word) if way is None and isinstance(word, str) else None
    shown = f"{word!r:.200}"
    return ArgumentError(
        f"There is no {kind} {shown}{' yet' if unwritten else ''}.",
        expected=f"one of {', '.join(map(repr, known))}, {others}",
        received=shown,
        fix=sentence(unwritten if way is None else repr(way) if way in known else way),
    )
