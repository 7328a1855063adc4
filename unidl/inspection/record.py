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


class RecordError(ValueError):
    """Data that `to_json` made of no such object; the message says where it differs."""


def from_json(kind: type[T], data: Any, place: str = "") -> T:
    """What `to_json` made of an object of that dataclass; fields that it does not know are left out, those that lack have their default.

    Args:
        kind: The dataclass.
        data: JSON data.
        place: Where they stand in what is read, for the message.

    Raises:
        RecordError: They are something else.
    """
    if not isinstance(data, Mapping):
        raise _wrong(place, "an object", data)
    hints = typing.get_type_hints(kind)
    given = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        where = f"{place}.{field.name}" if place else field.name
        if field.name in data:
            given[field.name] = _value(hints[field.name], data[field.name], where)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecordError(f"{where} is missing")
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:  # what the dataclass itself refuses
        raise RecordError(f"{place or 'it'}: {error}") from error


# what JSON has for a type, and how a message calls it
_PLAIN: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a text"),
    int: ((int,), "an integer"),
    bool: ((bool,), "true or false"),
    float: ((int, float, str), "a number"),
}


def _value(hint: Any, data: Any, place: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _of_union(arguments, data, place)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, data, place)
    if origin is tuple:
        return _tuple(arguments, data, place)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise _wrong(place, "an object", data)
        return {key: _value(arguments[1], item, f"{place}.{key}") for key, item in data.items()}
    if hint not in _PLAIN:
        return data
    kinds, called = _PLAIN[hint]
    if not isinstance(data, kinds) or (isinstance(data, bool) and hint is not bool):
        raise _wrong(place, called, data)
    if hint is not float:
        return data
    try:
        return float(typing.cast(float, data))
    except ValueError as error:
        raise _wrong(place, called, data) from error


def _tuple(arguments: tuple[Any, ...], data: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(data, (list, tuple)):
        raise _wrong(place, "a list", data)
    each = arguments[:1] * len(data) if arguments[-1:] == (Ellipsis,) else arguments
    if len(each) != len(data):
        raise _wrong(place, f"a list of {len(each)}", data)
    return tuple([_value(inner, item, f"{place}[{i}]") for i, (inner, item) in enumerate(zip(each, data, strict=True))])


def _of_union(kinds: tuple[Any, ...], data: Any, place: str) -> Any:
    if data is None and type(None) in kinds:
        return None
    inner = [kind for kind in kinds if kind is not type(None)]
    if len(inner) == 1:
        return _value(inner[0], data, place)
    fitting = [kind for kind in inner if kind in _PLAIN and type(data) in _PLAIN[kind][0]]
    if not fitting:
        raise _wrong(place, " or ".join(_PLAIN[kind][1] for kind in inner), data)
    return data


def _wrong(place: str, expected: str, data: Any) -> RecordError:
    found = "null" if data is None else "an object" if isinstance(data, Mapping) else repr(data)[:60]
    return RecordError(f"{place or 'it'} is {found}, and {expected} is expected")
