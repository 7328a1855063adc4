"""Lists and dicts of sublayers as a forward sees them while it is traced: to be read, not to be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from unidl.errors import ArgumentError


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refused(self: Any, *_: Any, **__: Any) -> NoReturn:
        kind = "dict" if isinstance(self, dict) else "list"
        raise ArgumentError(
            f"forward changes a {kind} of layers that the description holds (by {name}); a change kept so would not survive "
            "compiling, copying or saving.",
            expected="forward computes and returns",
            fix=f"Change a copy: {kind}(self.…).",
        )

    return refused


class HeldList(list[Any]):
    """A list of bound sublayers."""


class HeldDict(dict[Any, Any]):
    """A dict of bound sublayers."""


for _name in (
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
):
    setattr(HeldList, _name, _refuse(_name))
for _name in ("pop", "popitem", "clear", "update", "setdefault", "__setitem__", "__delitem__", "__ior__"):
    setattr(HeldDict, _name, _refuse(_name))


def held(nest: Any, bound: Callable[[Any], Any]) -> Any:
    """A nest of sublayers that a forward may read.

    Args:
        nest: Lists, tuples and dicts.
        bound: What stands for a leaf.
    """
    if isinstance(nest, dict):
        return HeldDict({key: held(item, bound) for key, item in nest.items()})
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return type(nest)(*[held(item, bound) for item in nest])
    if isinstance(nest, tuple):
        return tuple([held(item, bound) for item in nest])
    if isinstance(nest, list):
        return HeldList([held(item, bound) for item in nest])
    return bound(nest)
