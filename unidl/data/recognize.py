"""A source of whatever people have: the one place that says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from unidl.data.arrays import Arrays
from unidl.data.examples import Columns, ColumnStream, Examples, ExampleStream
from unidl.data.kinds import (
    BATCHES,
    COLUMN_STREAM,
    COLUMNS,
    EXAMPLE_STREAM,
    EXAMPLES,
    LIBRARIES,
    TENSORS,
    gives_batches,
    library,
)
from unidl.data.openings import Once
from unidl.data.source import Source
from unidl.data.stream import Stream


def _stream(given: Any, batch_size: int, shuffle: bool, seed: int) -> Source:
    return Stream(Once(given) if isinstance(given, Iterator) else given)


# what it is read as -> the source
MAKERS: dict[str, Callable[[Any, int, bool, int], Source]] = {
    BATCHES: _stream,
    TENSORS: lambda given, batch_size, shuffle, seed: Arrays(
        *given.tensors, batch_size=batch_size, shuffle=shuffle, seed=seed
    ),
    EXAMPLES: Examples,
    EXAMPLE_STREAM: lambda given, batch_size, shuffle, seed: ExampleStream(given, batch_size),
    COLUMNS: Columns,
    COLUMN_STREAM: lambda given, batch_size, shuffle, seed: ColumnStream(given, batch_size),
}


def is_source(given: Any) -> bool:
    """Whether it has batches or examples itself, with their targets, and is no array or nest of arrays."""
    return isinstance(given, Source) or library(given) is not None or gives_batches(given)


def source_of(given: Any, batch_size: int, shuffle: bool = False, seed: int = 0) -> Source:
    """The source that reads it; see `is_source`.

    Args:
        given: A Source, an object of another library, a generator, a function that gives batches, or a list of them.
        batch_size: Examples in a batch, where it has single examples.
        shuffle: Whether each epoch has its own order, where it has single examples by number.
        seed: From which these orders are drawn.
    """
    if isinstance(given, Source):
        return given
    name = library(given)
    return MAKERS[BATCHES if name is None else LIBRARIES[name]](given, batch_size, shuffle, seed)
