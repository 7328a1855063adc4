"""Data: batches of examples, in an order drawn by NumPy from (seed, epoch), the same on every backend."""

from unidl import habits as _habits
from unidl.data.arrays import Arrays as Arrays
from unidl.data.source import Source as Source
from unidl.data.stream import Stream as Stream


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.SOURCES, globals(), _habits.FAMILIES)
