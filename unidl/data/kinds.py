"""What people have their data in, recognised by the names of its classes: nothing is imported for it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

# "package Class" of an object or of a class it inherits from -> what it is read as
BATCHES, EXAMPLES, EXAMPLE_STREAM, TENSORS, COLUMNS, COLUMN_STREAM = (
    "batches", "examples", "a stream of examples", "tensors", "columns", "a stream of columns",
)  # fmt: skip
LIBRARIES: dict[str, str] = {
    "torch DataLoader": BATCHES,
    "torch TensorDataset": TENSORS,
    "torch IterableDataset": EXAMPLE_STREAM,
    "torch Dataset": EXAMPLES,
    "tensorflow DatasetV2": BATCHES,
    "keras PyDataset": BATCHES,
    "grain MapDataset": BATCHES,
    "grain IterDataset": BATCHES,
    "grain DataLoader": BATCHES,
    "datasets Dataset": COLUMNS,
    "datasets IterableDataset": COLUMN_STREAM,
}

# what NumPy makes an array of, in the order in which it is asked
AS_ARRAY = ("__array__", "__array_interface__", "__buffer__", "__array_struct__", "__dlpack__", "to_numpy")


def library(value: object) -> str | None:
    """The row of LIBRARIES that an object is of, or None."""
    for base in type(value).__mro__:
        name = f"{base.__module__.partition('.')[0]} {base.__name__}"
        if name in LIBRARIES:
            return name
    return None


def is_array(value: object) -> bool:
    """Whether it says that it can be made an array of."""
    return any(hasattr(value, name) for name in AS_ARRAY)


def gives_batches(value: Any) -> bool:
    """Whether batches can be read from it, one after another: a source, where it stands alone without targets beside it."""
    name = library(value)
    if name is not None:
        return LIBRARIES[name] == BATCHES
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, tuple) for item in value)
    if isinstance(value, (tuple, dict, set, frozenset, str, bytes, bytearray, memoryview)) or is_array(value):
        return False
    return isinstance(value, (Iterator, Iterable)) or inspect.isroutine(value)
