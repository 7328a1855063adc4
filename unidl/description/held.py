"""Lists and dicts of sublayers as a forward finds them on `self`: made once, and again after somebody changed one.

A forward may take such a list for its own: `blocks = self.blocks; blocks.reverse()`. What it changes is let go of, so that the next
read finds all layers again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class HeldList(list[Any]):
    """A list of bound sublayers."""

    cache: dict[str, Any]
    name: str


class HeldDict(dict[Any, Any]):
    """A dict of bound sublayers."""

    cache: dict[str, Any]
    name: str


def _letting_go(change: Callable[..., Any]) -> Callable[..., Any]:
    def changed(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.cache.pop(self.name, None)
        return change(self, *args, **kwargs)

    return changed


_OF_LISTS = (
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "clear",
    "sort",
    "reverse",
    "__setitem__",
    "__delitem__",
    "__iadd__",
    "__imul__",
)
_OF_DICTS = ("pop", "popitem", "clear", "update", "setdefault", "__setitem__", "__delitem__", "__ior__")
for _kind, _base, _names in ((HeldList, list, _OF_LISTS), (HeldDict, dict, _OF_DICTS)):
    for _name in _names:
        setattr(_kind, _name, _letting_go(getattr(_base, _name)))


def held(cache: dict[str, Any], name: str, nest: Any, bound: Callable[[Any], Any]) -> Any:
    """The bound sublayers of one attribute, from the cache, where they stay until somebody changes a list or dict of them.

    Args:
        cache: Attribute -> what this gave.
        name: The attribute.
        nest: Lists, tuples and dicts, as the description has them.
        bound: What stands for a leaf.
    """
    if name not in cache:
        cache[name] = _made(cache, name, nest, bound)
    return cache[name]


def _made(cache: dict[str, Any], name: str, nest: Any, bound: Callable[[Any], Any]) -> Any:
    if isinstance(nest, tuple):
        items = [_made(cache, name, item, bound) for item in nest]
        return type(nest)(*items) if hasattr(nest, "_fields") else tuple(items)
    if not isinstance(nest, (list, dict)):
        return bound(nest)
    made: HeldList | HeldDict
    if isinstance(nest, dict):
        made = HeldDict({key: _made(cache, name, item, bound) for key, item in nest.items()})
    else:
        made = HeldList([_made(cache, name, item, bound) for item in nest])
    made.cache, made.name = cache, name
    return made
