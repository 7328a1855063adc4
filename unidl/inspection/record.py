"""Dataclasses of plain data as JSON and back: what was measured is kept, and read again by a later unidl."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Dataclasses as dicts of their fields, tuples as lists; NaN and infinities as texts, which JSON has no numbers for."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, float) and value - value != 0.0:
        return str(value)
    return value


def from_json(kind: type[T], data: Any) -> T:
    """What `to_json` made of an object of that dataclass; fields that it does not know are left out, those that lack have their default."""
    hints = typing.get_type_hints(kind)
    fields = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: _value(hints[name], data[name]) for name in fields if name in data})


def _value(hint: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _of_union(arguments, data)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, data)
    if origin is tuple:
        each = arguments[:1] * len(data) if arguments[-1:] == (Ellipsis,) else arguments
        return tuple(_value(inner, item) for inner, item in zip(each, data, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {key: _value(arguments[1], item) for key, item in data.items()}
    return float(data) if hint is float else data


def _of_union(kinds: tuple[Any, ...], data: Any) -> Any:
    if data is None:
        return None
    inner = [kind for kind in kinds if kind is not type(None)]
    return _value(inner[0], data) if len(inner) == 1 else data
