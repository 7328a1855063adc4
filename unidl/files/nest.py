"""Nests of arrays and plain data as a JSON document and a set of arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from unidl.errors import FileError, NotSerializableError
from unidl.files.document import MAX_DEPTH
from unidl.lazy_array import Array, LazyArray


def split(nest: Any) -> tuple[Any, dict[str, Array]]:
    """A document that JSON can hold, and the arrays that it names.

    Args:
        nest: Numbers, texts, None, arrays, and lists and dicts of these (with texts as keys).

    Raises:
        NotSerializableError: Something else is in it, or it is deeper than a file may be.
    """
    arrays: dict[str, Array] = {}
    return _split(nest, "", arrays, 0), arrays


def _split(value: Any, place: str, arrays: dict[str, Array], depth: int) -> Any:
    if isinstance(value, (np.ndarray, LazyArray)):
        number, key = 1, place
        while key in arrays:  # a key with a "/" in it can make two places alike
            number, key = number + 1, f"{place}#{number}"
        arrays[key] = value
        return {"$array": key}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if depth < MAX_DEPTH and isinstance(value, (list, tuple)):
        return [_split(item, f"{place}/{i}", arrays, depth + 1) for i, item in enumerate(value)]
    if depth < MAX_DEPTH and isinstance(value, dict) and all(_is_key(key) for key in value):
        return {key: _split(item, f"{place}/{key}", arrays, depth + 1) for key, item in value.items()}
    raise NotSerializableError(
        f"{place.lstrip('/')[:200] or 'The state'} cannot be written to a file that executes nothing when it is read.",
        expected=f"numbers, texts, None, arrays, and at most {MAX_DEPTH} lists and dicts of these in one another, with texts as keys",
        received=type(value).__name__,
    )


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and not key.startswith("$")


def join(document: Any, arrays: Mapping[str, Array]) -> Any:
    """The nest again.

    Raises:
        FileError: It is none that `split` made: an array is missing, or something has no meaning.
    """
    if isinstance(document, list):
        return [join(item, arrays) for item in document]
    if not isinstance(document, dict):
        return document
    if all(_is_key(key) for key in document):
        return {key: join(item, arrays) for key, item in document.items()}
    name = document.get("$array")
    if document.keys() == {"$array"} and isinstance(name, str) and name in arrays:
        return arrays[name]
    if document.keys() == {"$float"} and document["$float"] in ("inf", "-inf", "nan"):
        return float(document["$float"])
    raise FileError(
        "The file names an array that is not in it, or a number that is none.", received=f"{document!r:.200}"
    )
