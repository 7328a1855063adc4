"""Nests of arrays and plain data as a JSON document and a set of arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from unidl.errors import FileError, NotSerializableError


def split(nest: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """A document that JSON can hold, and the arrays that it names.

    Args:
        nest: Numbers, texts, None, arrays, and lists and dicts of these (with texts as keys).

    Raises:
        NotSerializableError: Something else is in it.
    """
    arrays: dict[str, np.ndarray] = {}
    return _split(nest, "", arrays), arrays


def _split(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[place] = value
        return {"$array": place}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_split(item, f"{place}/{i}", arrays) for i, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: _split(item, f"{place}/{key}", arrays) for key, item in value.items()}
    raise NotSerializableError(
        f"{place.lstrip('/') or 'The state'} cannot be written to a file that executes nothing when it is read.",
        expected="numbers, texts, None, arrays, and lists and dicts of these, with texts as keys",
        received=type(value).__name__,
    )


def join(document: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The nest again.

    Raises:
        FileError: An array is missing.
    """
    if isinstance(document, list):
        return [join(item, arrays) for item in document]
    if not isinstance(document, dict):
        return document
    if document.keys() == {"$array"}:
        if document["$array"] not in arrays:
            raise FileError("An array that the file names is not in it.", received=repr(document["$array"])[:100])
        return arrays[document["$array"]]
    if document.keys() == {"$float"} and document["$float"] in ("inf", "-inf", "nan"):
        return float(document["$float"])
    return {key: join(item, arrays) for key, item in document.items()}
