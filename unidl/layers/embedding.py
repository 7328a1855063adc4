"""Embedding: a vector for each of some integers."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import positive
from unidl.description.layer import Layer
from unidl.initializers.initializer import checked_initializer


class Embedding(Layer):
    """Look a vector up for each index.

        y[..., :] = embeddings[x[...], :]

    Args:
        input_dim: How many indices there are: 0 to input_dim - 1.
        output_dim: Length of each vector.
        embeddings_initializer: For the weight `embeddings` (input_dim, output_dim).
    Input: (batch, ...), integers
    Output: (batch, ..., output_dim), the model's floating dtype
    Raises:
        DtypeError: The input holds no integers.
        The framework's own error: an index is negative or too large, on a CPU; on a GPU looking would stop the device.
    Example:
        >>> import unidl
        >>> x = unidl.Input((20,), dtype="int64")
        >>> Embedding(1000, 16)(x).shape
        (None, 20, 16)
    Where the frameworks differ: Keras reads -1 as the last index, and its own initial vectors are uniform in ±0.05, torch's
    normal with deviation 1; unidl takes Keras' and refuses negative indices.
    """

    def __init__(self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform") -> None:
        self.input_dim = positive(self, "input_dim", input_dim)
        self.output_dim = positive(self, "output_dim", output_dim)
        self.embeddings_initializer = checked_initializer(self, "embeddings_initializer", embeddings_initializer)

    def setup(self) -> None:
        """embeddings (input_dim, output_dim)."""
        self.add_weight("embeddings", (self.input_dim, self.output_dim), self.embeddings_initializer)

    def forward(self, x: Any) -> Any:
        """(batch, ...) -> (batch, ..., output_dim)."""
        return ops.take(self.embeddings, x, axis=0)
