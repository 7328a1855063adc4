"""Initial values are drawn a piece at a time, and are those of one draw of the whole array."""

import math

import numpy as np
import pytest

from unidl import initializers, lazy_array
from unidl.initializers import random
from unidl.initializers.initializer import Drawn

SHAPES = [(), (0, 3), (5,), (40, 30), (2, 3, 301)]


def truncated(generator, shape):
    """All first draws, then again those outside, until none is."""
    value = generator.standard_normal(shape)
    while (outside := np.abs(value) > 2).any():
        value[outside] = generator.standard_normal(int(outside.sum()))
    return value


class Counted(initializers.Initializer):
    """A user's, of which nothing but the whole array is known."""

    def __call__(self, shape, generator):
        return np.arange(float(math.prod(shape))).reshape(shape)


WHOLE = [
    (initializers.Zeros(), lambda g, shape: np.zeros(shape)),
    (initializers.Constant(2.5), lambda g, shape: np.full(shape, 2.5)),
    (initializers.Normal(1.0, 0.5), lambda g, shape: g.normal(1.0, 0.5, shape)),
    (initializers.Uniform(-1.0, 3.0), lambda g, shape: g.uniform(-1.0, 3.0, shape)),
    (initializers.TruncatedNormal(1.0, 0.5), lambda g, shape: 1.0 + 0.5 * truncated(g, shape)),
    (Counted(), lambda g, shape: np.arange(float(math.prod(shape))).reshape(shape)),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("initializer", "whole"), WHOLE, ids=[type(initializer).__name__ for initializer, _ in WHOLE])
def test_pieces_are_those_of_one_draw(initializer, whole, shape, monkeypatch):
    drawn = Drawn(initializer, shape, "float32", 3, "dense/kernel")
    expected = whole(drawn._generator(), shape).astype("float32")
    np.testing.assert_array_equal(drawn.read(), expected)
    monkeypatch.setattr(lazy_array, "PIECE", 128)
    monkeypatch.setattr(random, "IN_MEMORY", 100)
    np.testing.assert_array_equal(drawn.read(), expected)
    assert all(piece.nbytes <= 128 for _, piece in drawn.pieces())
