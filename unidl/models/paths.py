"""Layers by structural path, and patterns over paths."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from unidl.description.layer import Layer
from unidl.errors import LayerPathError


class LayerMapping(Mapping[str, Layer]):
    """A model's layers by path: `model.layers["body/conv2d"]`.

    Args:
        root: The model.
    """

    def __init__(self, root: Layer) -> None:
        self._found = dict(_walk(root, "", set()))

    def __getitem__(self, path: str) -> Layer:
        if not isinstance(path, str) or path not in self._found:
            raise no_layer(path, self._found)
        return self._found[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return "\n".join(f"{path}: {layer!r}" for path, layer in self._found.items())


def _walk(layer: Layer, path: str, seen: set[int]) -> Iterator[tuple[str, Layer]]:
    for key, child in leaves(layer):
        if id(child) not in seen:
            seen.add(id(child))
            below = f"{path}/{key}" if path else key
            yield below, child
            yield from _walk(child, below, seen)


def leaves(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """A layer's direct sublayers by key ("hidden", "blocks/0"), lists, tuples and dicts opened."""

    def open_nest(key: str, value: object) -> Iterator[tuple[str, Layer]]:
        if isinstance(value, Layer):
            yield key, value
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                yield from open_nest(f"{key}/{i}", item)
        elif isinstance(value, dict):
            for k, item in value.items():
                yield from open_nest(f"{key}/{k}", item)

    for name, nest in layer.sublayers().items():
        yield from open_nest(name, nest)


def no_layer(path: str, known: Mapping[str, object]) -> LayerPathError:
    """The error for a path or pattern that fits no layer."""
    close = difflib.get_close_matches(str(path), list(known), n=1)
    return LayerPathError(
        f"No layer has the path {path!r}.",
        expected=f"one of {', '.join(known)}" if known else "a model with sublayers",
        received=repr(path),
        fix=f"Did you mean {close[0]!r}?" if close else None,
    )


def matching(paths: list[str], pattern: str) -> list[str]:
    """The paths that fit a pattern: the pattern itself, what it matches (`*` goes across `/`), and all below.

    Raises:
        LayerPathError: None does.
    """
    hits = [p for p in paths if fnmatchcase(p, pattern)]
    hits += [p for p in paths if any(p.startswith(f"{hit}/") for hit in hits)]
    if not hits:
        raise no_layer(pattern, dict.fromkeys(paths))
    return [p for p in paths if p in set(hits)]
