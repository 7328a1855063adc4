"""The public names and their signatures stand in public_api.txt, so that a change of them is seen in review.

After a change that is meant: python tests/architecture/test_public_api.py
"""

import difflib
import importlib
import inspect
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import unidl

SNAPSHOT = Path(__file__).with_name("public_api.txt")
REFRESH = "python tests/architecture/test_public_api.py"


class _Text:
    """An annotation as it is written."""

    def __init__(self, text: object) -> None:
        self.text = text

    def __repr__(self) -> str:
        return str(self.text)


def _signature(function: Callable[..., Any]) -> str:
    """The signature on one line, without `self`."""
    signature = inspect.signature(function)

    def written(annotation: object) -> object:
        return _Text(annotation) if isinstance(annotation, str) else annotation

    parameters = [
        p.replace(annotation=written(p.annotation)) for p in signature.parameters.values() if p.name != "self"
    ]
    return str(signature.replace(parameters=parameters, return_annotation=written(signature.return_annotation)))


def _members(cls: type) -> Iterator[tuple[str, str]]:
    """The public methods and properties that a class itself brings; of those that it overrides, only `forward`."""
    for name, value in vars(cls).items():
        inherited = any(name in vars(base) for base in cls.__mro__[1:])
        if name.startswith("_") or (inherited and name != "forward"):
            continue
        if isinstance(value, property):
            yield name, ""
        elif isinstance(value, (staticmethod, classmethod)):
            yield name, _signature(value.__func__)
        elif callable(value):
            yield name, _signature(value)


def _describe(path: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        plain = value.__init__ is object.__init__ or issubclass(value, Exception)
        constructor = "" if plain else _signature(value.__init__).partition(" -> ")[0]
        yield f"{path}{constructor}{f'  <- {bases}' if bases else ''}"
        yield from (f"{path}.{name}{signature}" for name, signature in sorted(_members(value)))
    elif callable(value):
        yield f"{path}{_signature(value)}"
    else:
        yield f"{path}: {type(value).__name__}"


def _public(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    """What a subpackage's file defines or exports, submodules left out."""
    for name, value in sorted(vars(module).items()):
        home = getattr(value, "__module__", "") or ""
        if not name.startswith("_") and not inspect.ismodule(value) and home.startswith("unidl"):
            yield name, value


def lines() -> list[str]:
    """The snapshot: one name a line; a thing that has two names is told under its first."""
    items: list[tuple[str, Any]] = []
    for name in unidl.__all__:
        value = getattr(unidl, name)
        if inspect.ismodule(value):
            items += [
                (f"unidl.{name}.{inner}", item) for inner, item in _public(importlib.import_module(value.__name__))
            ]
        else:
            items.append((f"unidl.{name}", value))
    first: dict[int, str] = {}
    told: list[str] = []
    for path, value in items:
        known = first.setdefault(id(value), path)
        told += _describe(path, value) if known == path else [f"{path} = {known}"]
    return told


def difference(before: list[str], after: list[str]) -> str:
    """The lines that went and came."""
    return "\n".join(
        line for line in difflib.unified_diff(before, after, lineterm="", n=0) if line[:2] not in ("--", "++", "@@")
    )


def test_the_public_names_are_as_reviewed():
    told = difference(SNAPSHOT.read_text().splitlines(), lines())
    assert not told, f"the public names differ from {SNAPSHOT.name}; if that is meant, run: {REFRESH}\n{told}"


def test_a_difference_is_readable():
    assert difference(["a(x)", "b(x)"], ["a(x)", "b(x, y)", "c()"]) == "-b(x)\n+b(x, y)\n+c()"


def test_a_change_is_seen(monkeypatch):
    def using(name: str, always: bool = False) -> None: ...

    before = lines()
    monkeypatch.setitem(vars(unidl), "using", using)
    changed = difference(before, lines()).splitlines()
    assert changed[-1] == "+unidl.using(name: str, always: bool = False) -> None"
    assert len(changed) == 2


def test_no_function_bears_the_name_of_a_subpackage():
    folders = {path.name for path in Path(unidl.__file__).parent.iterdir() if path.is_dir()}
    functions = {name for name in unidl.__all__ if not inspect.ismodule(getattr(unidl, name))}
    assert functions & folders == set()


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(lines()) + "\n")
