"""Random numbers: their distribution, and that a seed says what they are and leaves the process' own generators alone."""

import numpy as np
import pytest

from tests.ops.program import RUN
from unidl import ops
from unidl.backends import registry
from unidl.errors import ArgumentError
from unidl.ops.op import running


def draw(backend, function):
    b = registry.load(backend)
    with running(b):
        return b.to_numpy(function())


def seeded(backend, seed=3):
    b = registry.load(backend)
    return b.random_state(seed, b.device("cpu"))


DISTRIBUTIONS = [
    (lambda: ops.random.uniform((20000,)), 0.5, np.sqrt(1 / 12), (0, 1)),
    (lambda: ops.random.uniform((20000,), -2, 4), 1.0, 6 * np.sqrt(1 / 12), (-2, 4)),
    (lambda: ops.random.normal((20000,)), 0.0, 1.0, (-7, 7)),
    (lambda: ops.random.normal((20000,), 5, 0.1), 5.0, 0.1, (4, 6)),
    (lambda: ops.random.randint((20000,), 3, 6), 4.0, np.sqrt(2 / 3), (3, 6)),
    (lambda: ops.random.bernoulli(0.3, (20000,)), 0.3, np.sqrt(0.21), (0, 2)),
    (lambda: ops.random.dropout(ops.ones((20000,)), 0.2), 1.0, 0.5, (0, 1.26)),
]


@pytest.mark.parametrize(("function", "mean", "std", "bounds"), DISTRIBUTIONS)
def test_distribution(backend, function, mean, std, bounds):
    with seeded(backend):
        found = draw(backend, function).astype("float64")
    assert found.shape == (20000,)
    assert abs(found.mean() - mean) < 5 * std / np.sqrt(20000)
    assert abs(found.std() - std) < 0.03 * std
    assert bounds[0] <= found.min()
    assert found.max() < bounds[1]


def test_permutation(backend):
    found = draw(backend, lambda: ops.random.permutation(50))
    assert found.dtype == "int64"
    assert sorted(found) == list(range(50)) != list(found)


def test_categorical(backend):
    logits = np.log(np.tile([0.1, 0.2, 0.7], (20000, 1)))
    with seeded(backend):
        found = draw(backend, lambda: ops.random.categorical(logits))
    assert (found.shape, found.dtype) == ((20000,), "int64")
    np.testing.assert_allclose(np.bincount(found) / 20000, [0.1, 0.2, 0.7], atol=0.02)


@pytest.mark.parametrize(
    ("function", "dtype"),
    [
        (lambda x: ops.random.uniform(like=x), "float64"),
        (lambda x: ops.random.normal((2,), dtype="float32", like=x), "float32"),
        (lambda x: ops.random.randint((2,), 0, 5, like=x), "int64"),
        (lambda x: ops.random.bernoulli(0.5, like=x), "bool"),
        (lambda x: ops.random.dropout(x, 0.5), "float64"),
    ],
)
def test_dtype(backend, function, dtype):
    x = registry.load(backend).to_tensor(np.ones((2, 3)))
    assert ops.dtype(function(x)) == dtype


def test_a_seed_says_what_is_drawn(backend):
    def twice():
        return [draw(backend, lambda: ops.random.normal((4,))).tolist() for _ in range(2)]

    with seeded(backend):
        first = twice()
    with seeded(backend):
        assert twice() == first
    with seeded(backend, 4):
        assert twice() != first
    assert first[0] != first[1]


def test_the_process_goes_on_as_before(backend):
    def numbers(interrupted):
        with seeded(backend, 7):  # stands for the process' own state
            before = draw(backend, lambda: ops.random.uniform((3,))).tolist()
            if interrupted:
                with seeded(backend, 8):
                    draw(backend, lambda: ops.random.uniform((3,)))
            return before, draw(backend, lambda: ops.random.uniform((3,))).tolist()

    assert numbers(interrupted=True) == numbers(interrupted=False)


def test_in_a_program(backend):
    """A traced function draws anew at each call, and again the same from the same seed."""
    b = registry.load(backend)
    x = np.ones((4, 3), "float32")

    def run():
        return b.to_numpy(RUN[backend](lambda x: ops.add(x, ops.random.normal(like=x)), [x])).tolist()

    with seeded(backend):
        first, second = run(), run()
    with seeded(backend):
        assert run() == first
    assert first != second


def test_a_trace_made_before_the_seed_draws_from_it():
    import tensorflow as tf

    registry.load("tensorflow")
    drawn = tf.function(lambda x: ops.random.uniform(like=x))
    x = tf.zeros((3,))
    drawn(x)
    with seeded("tensorflow"):
        first = drawn(x).numpy().tolist()
        second = drawn(x).numpy().tolist()
    with seeded("tensorflow"):
        assert drawn(x).numpy().tolist() == first != second


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_a_rate_outside_its_bounds(backend, rate):
    x = registry.load(backend).to_tensor(np.ones((2, 3), "float32"))
    with pytest.raises(ArgumentError, match=r"needs a rate between 0 and 1\.\nExpected: 0 ≤ rate < 1"):
        ops.random.dropout(x, rate)
