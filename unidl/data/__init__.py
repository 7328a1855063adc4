"""Data: batches of examples, in an order drawn by NumPy from (seed, epoch), the same on every backend."""

from unidl.data.arrays import Arrays as Arrays
from unidl.data.source import Source as Source
from unidl.data.stream import Stream as Stream
