"""Data: batches of examples, in an order drawn by NumPy from (seed, epoch), the same on every backend."""

from unidl.data.arrays import Arrays as Arrays
