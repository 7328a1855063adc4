"""The JSON document of a file: how large, how long and how deep it may be, the same when it is written and when it is read."""

from __future__ import annotations

import json
from typing import Any

from unidl.errors import FileError, NotSerializableError

MAX_BYTES = 32 * 2**20
MAX_VALUES = 2_000_000  # each takes up to some hundred bytes of memory
MAX_DEPTH = 100  # lists and dicts in one another


def dump(document: dict[str, Any], indent: int | None = 1) -> bytes:
    """The document as text that `parse` takes.

    Raises:
        NotSerializableError: It is larger, longer or deeper than that.
    """
    deep = _too_deep(document)
    content = b"" if deep else json.dumps(document, indent=indent, allow_nan=False).encode()
    if deep or len(content) > MAX_BYTES or _count(content) > MAX_VALUES:
        raise NotSerializableError(
            "The description is too large for a file.",
            expected=f"at most {MAX_BYTES:,} bytes, {MAX_VALUES:,} values and {MAX_DEPTH} lists and dicts in one another",
            received=f"more than {MAX_DEPTH} in one another"
            if deep
            else f"{len(content):,} bytes, about {_count(content):,} values",
            fix="Give long lists of numbers as NumPy arrays, which are stored beside the description.",
        )
    return content


def parse(content: bytes, what: str) -> dict[str, Any]:
    """A JSON object of a file; nothing of it is made before its size is known.

    Raises:
        FileError: It is no JSON object, or larger than `dump` writes.
    """
    if len(content) > MAX_BYTES or _count(content) > MAX_VALUES:
        raise FileError(
            f"{what} is larger than unidl writes it.",
            expected=f"at most {MAX_BYTES:,} bytes and {MAX_VALUES:,} values",
            received=f"{len(content):,} bytes, about {_count(content):,} values",
        )
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"{what} is no JSON document that can be read.", received=f"{type(error).__name__}: {error!s:.200}"
        ) from error
    if not isinstance(document, dict):
        raise FileError(f"{what} holds no object.", received=type(document).__name__)
    if _too_deep(document):
        raise FileError(
            f"{what} is deeper than unidl writes it.", expected=f"at most {MAX_DEPTH} lists and dicts in one another"
        )
    return document


def _count(content: bytes) -> int:
    """At least as many values as the text has."""
    return content.count(b",") + content.count(b"[") + content.count(b"{") + 1


def _too_deep(document: Any) -> bool:
    """Whether lists and dicts stand deeper in one another than they may; without recursion, for they may be very deep."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for node in level
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True
