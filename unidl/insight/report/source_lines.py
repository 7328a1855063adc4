"""Which lines of a source make or call which layer: what a click on a layer highlights in code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import TypeGuard


def lines_of_layers(code: str, layers: Iterable[str]) -> dict[int, list[str]]:
    r"""Line (from 1) -> the layers that it makes or calls; empty where the code cannot be read.

    A path is followed as the code says it: `self.body` in the model's class, then `self.dense` in the class that `self.body` is made
    of; a layer that is named by a text (Keras' `name=`); and, in code without either, calls of its class in their order.

    Example:
        >>> lines_of_layers("class Net:\n    def __init__(self):\n        self.out = Dense(3)", ["out"])
        {3: ['out']}
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):  # the user's file may be of another Python; a page shows it all the same
        return {}
    places = _Places(tree)
    found: dict[int, list[str]] = {}
    for layer in layers:
        for line in places.of(layer):
            found.setdefault(line, []).append(layer)
    return dict(sorted(found.items()))


class _Places:
    def __init__(self, tree: ast.Module) -> None:
        self.classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        self.named = list(_named(tree))
        self.calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        self.calls.sort(key=lambda call: (call.lineno, call.col_offset))

    def of(self, layer: str) -> list[int]:
        parts = layer.split("/")
        for start in reversed(self.classes.values()):
            lines = self._attribute(start, parts)
            if lines:
                return sorted(lines)
        return sorted(self._by_name(parts) or self._nth(parts[-1]))

    def _by_name(self, parts: list[str]) -> set[int]:
        """The lines of the call that the path names; or that of a beginning of it, and the rest in the class that is called."""
        for cut in range(len(parts), 0, -1):
            texts = {joint.join(parts[:cut]) for joint in "/_."}
            calls = [call for name, call in self.named if name in texts]
            if cut == len(parts) and calls:
                return {line for call in calls for line in _span(call)}
            for call in calls:
                lines = self._attribute(self.classes.get(_called(call)), parts[cut:])
                if lines:
                    return lines
        return set()

    def _attribute(self, start: ast.ClassDef | None, parts: list[str]) -> set[int]:
        """The lines in which `self.<part>` stands, in the class of the last part."""
        here = start
        lines: set[int] = set()
        for part in parts:
            if part.isdigit():  # an element of a list of layers: the list's lines, and its elements' class
                continue
            if here is None:
                return set()
            uses = [node for node in ast.walk(here) if _is_own(node, part)]
            if not uses:
                return set()
            lines = {node.lineno for node in uses}
            here = self._class_of(here, part)
        return lines

    def _class_of(self, holder: ast.ClassDef, attribute: str) -> ast.ClassDef | None:
        for node in ast.walk(holder):
            if isinstance(node, ast.Assign) and any(_is_own(target, attribute) for target in node.targets):
                for call in ast.walk(node.value):
                    if isinstance(call, ast.Name) and call.id in self.classes:
                        return self.classes[call.id]
        return None

    def _nth(self, name: str) -> set[int]:
        """`dense_2` is the second call of Dense."""
        match = re.fullmatch(r"(.+?)(?:_(\d+))?", name)
        kind, number = (match.group(1), int(match.group(2) or 1)) if match else (name, 1)
        calls = [call for call in self.calls if _snake(_called(call)) == kind]
        return set(_span(calls[number - 1])) if len(calls) >= number else set()


def _is_own(node: ast.AST, attribute: str) -> TypeGuard[ast.Attribute]:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if (
                    keyword.arg == "name"
                    and isinstance(keyword.value, ast.Constant)
                    and isinstance(keyword.value.value, str)
                ):
                    yield keyword.value.value, node


def _span(call: ast.Call) -> range:
    return range(call.lineno, (call.end_lineno or call.lineno) + 1)


def _called(call: ast.Call) -> str:
    return (
        call.func.attr
        if isinstance(call.func, ast.Attribute)
        else call.func.id
        if isinstance(call.func, ast.Name)
        else ""
    )


def _snake(name: str) -> str:
    """`BatchNormalization` -> `batch_normalization`, `Conv2D` -> `conv2d`: as the paths are written."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
