"""What a user's subclass of unidl's classes defines, looked at when the class is made: methods that nobody would ever call."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from unidl import habits
from unidl.errors import ForeignNameError


def check_methods(cls: type, base: type, hooks: str = "") -> None:
    """Refuse methods under other frameworks' names, which unidl would never call.

    Args:
        cls: The user's class.
        base: The class of unidl's that it derives from.
        hooks: A prefix that only the base's own methods may have: "on_".

    Raises:
        ForeignNameError: It says what unidl calls instead.
    """
    for name in _defined(cls, base):
        _refuse(name, cls.__name__, base, hooks)


def check_object(value: Any, base: type, hooks: str, given: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse hooks that were set on an object and that unidl would never call, or call otherwise; see `check_methods`.

    Raises:
        ForeignNameError: It says what unidl calls instead.
    """
    for name, method in vars(value).items():
        if name.startswith(hooks) and callable(method):
            _refuse(name, type(value).__name__, base, hooks)
            if name in given and _is_python(method):
                _check_signature(f"{type(value).__name__}.{name}", name, method, given[name], bound=True)


def _refuse(name: str, owner: str, base: type, hooks: str) -> None:
    known = habits.METHODS[base.__name__]
    if hasattr(base, name):
        return
    if name in known:
        raise ForeignNameError(
            f"{owner} defines {name!r}, which unidl never calls.", fix=f"In unidl this is {known[name]}."
        )
    if hooks and name.startswith(hooks):
        ours = [own for own in vars(base) if own.startswith(hooks)]
        close = difflib.get_close_matches(name, ours, n=1, cutoff=0.8)
        raise ForeignNameError(
            f"{owner} defines {name!r}, which unidl never calls.",
            expected=f"one of {', '.join(ours)}",
            fix=f"Did you mean {close[0]!r}?" if close else f"Give a method of your own another name: _{name}.",
        )


def check_signatures(cls: type, base: type, given: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse methods of the base's name that cannot take what unidl gives them, or that take it for something else.

    Args:
        cls: The user's class.
        base: The class of unidl's that it derives from.
        given: Method -> what unidl gives it, in order, by the names of its own parameters.

    Raises:
        ForeignNameError: It says how unidl calls the method.
    """
    for name in _defined(cls, base):
        method = inspect.getattr_static(cls, name)
        if name in given and inspect.isfunction(method):
            _check_signature(f"{cls.__name__}.{name}", name, method, given[name])


def check_function(owner: str, name: str, function: Any, given: tuple[str, ...]) -> None:
    """Refuse a function that stands for a method and cannot take what unidl gives that.

    Raises:
        ForeignNameError: It says how unidl calls it.
    """
    if _is_python(function):
        _check_signature(f"{owner}({name}=…)", name, function, given, bound=True)


def _is_python(function: Any) -> bool:
    """Whether a function has a signature that can be read: one that is written in C may have none."""
    return inspect.isfunction(function) or inspect.ismethod(function)


def _check_signature(shown: str, name: str, method: Any, given: tuple[str, ...], bound: bool = False) -> None:
    """Raise for a method, with its object before what unidl gives unless that is bound already."""
    signature = inspect.signature(method)
    own = [] if bound else ["self"]
    taken = signature.parameters.values()
    parameters = [one.name for one in taken if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    first = len(own)
    try:
        signature.bind(*own, *given)
        foreign = [word for word in parameters[first : first + 1] if word in FOREIGN_FIRST - set(given)]
        foreign += [word for word in parameters[first + 1 :] if word in FOREIGN_LATER]
    except TypeError:
        foreign = parameters[first:] or ["nothing"]
    if foreign:
        called = ", ".join((*own, *given))
        raise ForeignNameError(
            f"{shown} takes other arguments than unidl gives it.",
            expected=f"{name}({called})",
            received=f"{name}({', '.join(parameters)})",
            fix=f"lambda {called}: …" if bound else f"def {name}({called}): …",
        )


# what other frameworks give where unidl gives the trainer or its numbers: a parameter of that name is meant for something else
FOREIGN_FIRST = frozenset(["epoch", "batch", "batch_idx", "logs", "index", "outputs", "model", "args"])
FOREIGN_LATER = frozenset(["batch_idx", "pl_module", "module"])


def _defined(cls: type, base: type) -> Iterator[str]:
    """The names that the user's class, or a class it mixes in, brings."""
    seen: set[str] = set()
    for owner in cls.__mro__:
        if owner in base.__mro__ or owner.__module__.partition(".")[0] == "unidl":
            continue
        for name, value in vars(owner).items():
            if name not in seen and (callable(value) or isinstance(value, (staticmethod, classmethod, property))):
                seen.add(name)
                yield name
