"""Initial weights that are an orthogonal matrix."""

from __future__ import annotations

import math

import numpy as np

from unidl.arguments import number
from unidl.capture import told_arguments
from unidl.initializers.initializer import Initializer


class Orthogonal(Initializer):
    """A random orthogonal matrix, times `gain`; axes before the last are rows.

    The QR decomposition's signs are fixed (diagonal of R positive), so that the distribution is uniform over such matrices.

    Args:
        gain: Factor.

    References: Saxe, McClelland, Ganguli (2014), arXiv:1312.6120.
    """

    name = "orthogonal"

    @told_arguments
    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number(self, "gain", gain)

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The draw."""
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
