"""Validation of arguments: one function for each kind of value. Every public constructor and function passes what it is given here.

A check returns the value in one form (an int, a float, a bool, a str, a tuple) or raises ArgumentError. `owner` is whose
argument it is, for the message: an object, whose class is named, or a text ("Trainer.fit"). tests/arguments walks every public
parameter with wrong values: a new one is covered as soon as it is there.
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from unidl.errors import ArgumentError

T = TypeVar("T")

LARGEST = 2**63 - 1  # of an int64
LARGEST_SIZE = 2**31 - 1  # of a length: what every framework's kernels take as the length of an axis
SHOWN = 200  # characters of a value in a message


def refuse(owner: Any, name: str, expected: str, value: Any, fix: str | None = None) -> ArgumentError:
    """The error for an argument that cannot be used.

    Args:
        owner: Whose argument it is.
        name: The argument.
        expected: What it must be.
        value: What it is.
        fix: What to write instead, where that is certain.
    """
    return ArgumentError(
        f"{owner_name(owner)}: invalid value for {name}.", expected=expected, received=shown(value), fix=fix
    )


def owner_name(owner: Any) -> str:
    """How messages name the owner of an argument."""
    return owner if isinstance(owner, str) else owner.__name__ if isinstance(owner, type) else type(owner).__name__


def shown(value: Any) -> str:
    """A value for a message: its repr, cut; of an array its dtype and shape."""
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"an array of {value.dtype}, shape {value.shape}"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


# -- numbers -----------------------------------------------------------------------------------------------------------------


def is_flag(value: Any) -> bool:
    """Whether it is True or False, Python's or NumPy's."""
    return isinstance(value, (bool, np.bool_))


def is_integer(value: Any) -> bool:
    """Whether it is an integer, Python's or NumPy's, and no bool."""
    return isinstance(value, numbers.Integral) and not is_flag(value)


def integer(owner: Any, name: str, value: Any, least: int | None = None, most: int = LARGEST) -> int:
    """An integer; a bool, a float and a text are none."""
    low = -LARGEST - 1 if least is None else least
    right = is_integer(value)
    if right and low <= int(value) <= most:
        return int(value)
    wanted = "an integer" if least is None else "a non-negative integer" if least == 0 else "a positive integer"
    if least is not None and least > 1:
        wanted = f"an integer of at least {least}"
    if right and int(value) > most:
        wanted += f", at most {most}"
    raise refuse(owner, name, wanted, value, _as_integer(name, value, low, most))


def _as_integer(name: str, value: Any, least: int, most: int) -> str | None:
    """What was meant by a text or a float that is an integer."""
    try:
        meant = int(value) if isinstance(value, (str, float)) and float(value).is_integer() else None
    except (ValueError, OverflowError):
        return None
    return f"Use {name}={meant}." if meant is not None and least <= meant <= most else None


def positive(owner: Any, name: str, value: Any) -> int:
    """A length or a count of at least 1."""
    return integer(owner, name, value, 1, LARGEST_SIZE)


def seed(owner: Any, name: str, value: Any) -> int:
    """A seed, 0 to 2^63 - 1."""
    return integer(owner, name, value, 0)


def number(
    owner: Any,
    name: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """A finite real number within bounds; a bool and a text are none.

    Args:
        owner: Whose argument it is.
        name: The argument.
        value: What was given.
        least: Lower bound, included.
        most: Upper bound, included.
        above: Lower bound, excluded.
        below: Upper bound, excluded.
    """
    if isinstance(value, numbers.Real) and not is_flag(value):
        try:
            found = float(value)
        except OverflowError:  # an integer beyond every float
            found = math.inf
        within = (
            (least is None or found >= least)
            and (most is None or found <= most)
            and (above is None or found > above)
            and (below is None or found < below)
        )
        if math.isfinite(found) and within:
            return found
    raise refuse(owner, name, f"a finite number{_bounds(least, most, above, below)}", value)


def _bounds(least: float | None, most: float | None, above: float | None, below: float | None) -> str:
    said = [
        f"{word} {bound:g}"
        for word, bound in (("at least", least), ("above", above), ("at most", most), ("below", below))
        if bound is not None
    ]
    return f", {' and '.join(said)}" if said else ""


def fraction(owner: Any, name: str, value: Any) -> float:
    """A number in [0, 1)."""
    return number(owner, name, value, least=0, below=1)


def per_axis(owner: Any, name: str, value: Any, axes: int) -> tuple[int, ...]:
    """One positive integer for each spatial axis; a single one serves all."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(values) != axes:
        raise refuse(owner, name, f"an integer, or {axes} of them, one for each spatial axis", value)
    return tuple(positive(owner, name, v) for v in values)


def pair_per_axis(owner: Any, name: str, value: Any, axes: int) -> tuple[tuple[int, int], ...]:
    """(in front, behind) for each spatial axis: one integer for all, one or a pair for each; with a single axis, its pair."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if axes == 1 and isinstance(value, (tuple, list)):
        values = (values,)
    pairs = [tuple(v) if isinstance(v, (tuple, list)) else (v, v) for v in values]
    if len(pairs) != axes or any(len(pair) != 2 for pair in pairs):
        wanted = (
            "an integer or a pair"
            if axes == 1
            else f"an integer, or {axes} integers or pairs, one for each spatial axis"
        )
        raise refuse(owner, name, wanted, value)
    low, high = zip(*pairs, strict=True)
    return tuple(zip(*([integer(owner, name, v, 0, LARGEST_SIZE) for v in side] for side in (low, high)), strict=True))


def axes(owner: Any, name: str, value: Any) -> tuple[int, ...]:
    """One axis or several different ones, as a tuple."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not values or len(set(map(str, values))) < len(values):
        raise refuse(owner, name, "an axis, or a tuple of different axes", value)
    return tuple(integer(owner, name, v) for v in values)


def shape(
    owner: Any, name: str, value: Any, free: bool = False, infer: bool = False, empty: bool = False
) -> tuple[int | None, ...]:
    """A shape: a tuple of lengths.

    Args:
        owner: Whose argument it is.
        name: The argument.
        value: What was given.
        free: Whether None may stand for a length that varies.
        infer: Whether one length may be -1.
        empty: Whether lengths may be 0.
    """
    words = ["a tuple of positive integers"]
    words += ["None where the length may vary"] if free else []
    words += ["-1 for one that follows from the others"] if infer else []
    expected = ", ".join(words)
    if not isinstance(value, (tuple, list)):
        single = is_integer(value) and value > 0
        raise refuse(
            owner, name, f"{expected}: (28, 28, 1), or (8,) for one axis", value, f"Use ({value},)." if single else None
        )
    found: list[int | None] = []
    for length in value:
        if length is None and free:
            found.append(None)
        elif infer and isinstance(length, numbers.Integral) and int(length) == -1 and -1 not in found:
            found.append(-1)
        else:
            try:
                found.append(integer(owner, name, length, 0 if empty else 1, LARGEST_SIZE))
            except ArgumentError:
                raise refuse(owner, name, expected, value) from None
    return tuple(found)


# -- words -------------------------------------------------------------------------------------------------------------------


def flag(owner: Any, name: str, value: Any) -> bool:
    """True or False; 0, 1, None and texts are none of them."""
    if is_flag(value):
        return bool(value)
    meant = {"true": True, "false": False, "yes": True, "no": False}.get(str(value).lower(), value)
    right = is_flag(meant) or (is_integer(meant) and meant in (0, 1))
    raise refuse(owner, name, "True or False", value, f"Use {name}={bool(meant)}." if right else None)


def one_of(owner: Any, name: str, value: Any, choices: Collection[str]) -> str:
    """One of some words."""
    if isinstance(value, str) and value in choices:
        return value
    expected = f"one of {', '.join(map(repr, choices))}"
    close = None
    if isinstance(value, str):
        flat = value.strip().lower().replace("-", "_")
        close = flat if flat in choices else next(iter(difflib.get_close_matches(flat, choices, n=1, cutoff=0.8)), None)
    raise refuse(owner, name, expected, value, f"Use {name}={close!r}." if close else None)


def text(owner: Any, name: str, value: Any) -> str:
    """A text that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise refuse(owner, name, "a text", value)


def texts(owner: Any, name: str, value: Any) -> tuple[str, ...]:
    """Several texts, in a list or tuple; a single one is not taken for its letters."""
    if isinstance(value, str):
        raise refuse(owner, name, "a list of texts", value, f"Use {name}=[{value!r}].")
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise refuse(owner, name, "a list of texts", value)


# -- objects -----------------------------------------------------------------------------------------------------------------


def function(owner: Any, name: str, value: Any, of: str = "") -> Callable[..., Any]:
    """Something that can be called, and no class."""
    if callable(value) and not isinstance(value, type):
        return value  # type: ignore[no-any-return]
    fix = f"{value.__name__} is a class; call it: {value.__name__}(…)." if isinstance(value, type) else None
    raise refuse(owner, name, f"a function{of}", value, fix)


def mapping(owner: Any, name: str, value: Any, of: str = "") -> Mapping[Any, Any]:
    """A dict."""
    if isinstance(value, Mapping):
        return value
    raise refuse(owner, name, f"a dict{of}", value)


def items(owner: Any, name: str, value: Any, of: str = "objects") -> list[Any]:
    """A list or tuple; a text and a single object are none."""
    if isinstance(value, (list, tuple)):
        return list(value)
    raise refuse(owner, name, f"a list of {of}", value)


def instance(
    owner: Any, name: str, value: Any, kinds: type[T] | tuple[type[T], ...], called: str, fix: str | None = None
) -> T:
    """An object of a class."""
    if isinstance(value, kinds):
        return value
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    if isinstance(value, type) and issubclass(value, wanted):
        fix = f"{value.__name__} is a class; call it: {value.__name__}(…)."
    raise refuse(owner, name, called, value, fix)


def optional(check: Callable[..., T], owner: Any, name: str, value: Any, *bounds: Any, **named: Any) -> T | None:
    """None, or what another check takes."""
    return None if value is None else check(owner, name, value, *bounds, **named)


# -- patterns ----------------------------------------------------------------------------------------------------------------


def fits_something(owner: Any, name: str, unused: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse names or patterns that fit nothing.

    Args:
        owner: Whose argument it is.
        name: The argument.
        unused: Those of its items that fit nothing.
        known: What there is.
        what: What `known` are, in words: "weight paths".
    """
    missed, there = list(unused), list(known)
    if not missed:
        return
    close = difflib.get_close_matches(missed[0], there, n=1)
    raise ArgumentError(
        f"{owner_name(owner)}: {name} has what fits nothing: {', '.join(map(repr, missed))}.",
        expected=f"patterns that fit {what}: {', '.join(there[:40])}{', …' if len(there) > 40 else ''}",
        received=", ".join(map(repr, missed)),
        fix=f"Did you mean {close[0]!r}?" if close else None,
    )
