"""Portable random ops: NumPy's numbers on every backend, to the bit but for normals, and their distributions."""

import threading

import numpy as np
import pytest

from tests.ops.portable_oracle import Draws
from unidl import ops
from unidl.backends import registry
from unidl.errors import ArgumentError, NotPortableError
from unidl.ops.op import running
from unidl.ops.random import seeded

SEED, STEP = 11, 3
BOUNDS = [(0.0, 1.0), (-2.0, 5.0), (1.0, 1.0 + 2.0**-20)]


def drawn(backend, function, seed=SEED, step=STEP):
    b = registry.load(backend)
    with running(b), seeded(seed, step):
        return b.to_numpy(function())


def oracle():
    return Draws(SEED, STEP)


@pytest.mark.parametrize("count", [1, 7, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_uniform(backend, count, dtype, low, high):
    found = drawn(backend, lambda: ops.random.uniform((count,), low, high, dtype=dtype))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, oracle().uniform(count, dtype, low, high))
    assert low <= found.min()
    assert found.max() < high


@pytest.mark.parametrize("count", [1, 8, 1001])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 5e-6), ("float64", 1e-14)])
def test_normal(backend, count, dtype, tolerance):
    found = drawn(backend, lambda: ops.random.normal((count,), dtype=dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, oracle().normal(count, dtype), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("low", "high"), [(0, 2), (-3, 4), (5, 6), (0, 2**31), (-(2**31), 0)])
def test_randint(backend, low, high):
    found = drawn(backend, lambda: ops.random.randint((501,), low, high))
    np.testing.assert_array_equal(found, oracle().randint(501, low, high))


@pytest.mark.parametrize("probability", [0.0, 0.25, 0.9, 1.0])
def test_bernoulli(backend, probability):
    found = drawn(backend, lambda: ops.random.bernoulli(probability, (501,)))
    np.testing.assert_array_equal(found, oracle().bernoulli(501, probability))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.999999])
def test_dropout(backend, rate):
    found = drawn(backend, lambda: ops.random.dropout(ops.ones((7, 3, 11), "float64"), rate))
    kept = oracle().kept(231, min(rate, 1 - 2.0**-16)).reshape(7, 3, 11)
    np.testing.assert_array_equal(found, np.where(kept, 1.0 / (1.0 - rate), 0.0))


@pytest.mark.parametrize("count", [1, 2, 300])
def test_permutation(backend, count):
    found = drawn(backend, lambda: ops.random.permutation(count))
    assert found.dtype == "int64"
    np.testing.assert_array_equal(found, oracle().permutation(count))


def test_categorical(backend):
    logits = np.log(np.tile([0.1, 0.2, 0.7], (500, 1)))
    u = oracle().uniform(1500, "float64").reshape(500, 3)
    found = drawn(backend, lambda: ops.random.categorical(ops.tensor(logits)))
    np.testing.assert_array_equal(found, np.argmax(logits - np.log(-np.log(u)), axis=-1))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_a_word(backend, dtype):
    bits = {"float16": 11, "bfloat16": 8}[dtype]
    found = drawn(backend, lambda: ops.cast(ops.random.uniform((1000,), dtype=dtype), "float32"))
    np.testing.assert_array_equal(found, (oracle().words(1000) >> np.uint64(32 - bits)) / 2.0**bits)
    assert drawn(backend, lambda: ops.cast(ops.random.uniform((1000,), 1.0, 2.0, dtype=dtype), "float32")).max() < 2
    spread = drawn(backend, lambda: ops.cast(ops.random.normal((1000,), dtype=dtype), "float32")).std()
    assert 0.9 < spread < 1.1


def test_draws_are_counted(backend):
    """The second draw is another, whatever the first was of."""
    d = oracle()
    first, second = d.uniform(3), d.uniform(3)
    assert first.tolist() != second.tolist()
    b = registry.load(backend)
    with running(b), seeded(SEED, STEP):
        assert b.to_numpy(ops.random.uniform((3,))).tolist() == first.tolist()
        assert b.to_numpy(ops.random.uniform((3,))).tolist() == second.tolist()
    assert drawn(backend, lambda: ops.random.uniform((3,)), step=STEP + 1).tolist() not in (
        first.tolist(),
        second.tolist(),
    )


def test_like_says_shape_dtype_and_backend(backend):
    x = registry.load(backend).to_tensor(np.ones((2, 3)))
    with seeded(SEED, STEP):  # no backend is in force here but that of x
        found = ops.random.uniform(like=x)
    assert (tuple(found.shape), ops.dtype(found)) == ((2, 3), "float64")
    np.testing.assert_array_equal(registry.load(backend).to_numpy(found).ravel(), oracle().uniform(6, "float64"))


def test_a_scalar(backend):
    assert drawn(backend, lambda: ops.random.uniform(())).shape == ()


def test_other_threads_are_not_seeded():
    registry.load("torch")
    found = []
    with seeded(SEED, STEP):
        thread = threading.Thread(target=lambda: found.append(ops.random.uniform((3,)).tolist()))
        thread.start()
        thread.join()
        mine = ops.random.uniform((3,)).tolist()
    assert found[0] != mine == oracle().uniform(3).tolist()


def test_too_many_to_choose_from(backend):
    with pytest.raises(ArgumentError, match=r"chooses from 1 to 2\^31 numbers"):
        drawn(backend, lambda: ops.random.randint((2,), 0, 2**31 + 1))


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_outside_its_bounds(backend, rate):
    with pytest.raises(ArgumentError, match="0 ≤ rate < 1"):
        drawn(backend, lambda: ops.random.dropout(ops.ones((2,)), rate))


BODIES = {
    "scan": lambda x: ops.scan(lambda c, e: (c + ops.random.uniform(like=e), e), ops.zeros((3,)), x),
    "while_loop": lambda x: ops.while_loop(
        lambda n, v: n < 2, lambda n, v: (n + 1, v + ops.random.normal(like=v)), (0, x)
    ),
    "cond": lambda x: ops.cond(ops.sum(x) > 0, lambda v: ops.random.dropout(v, 0.5), lambda v: v * 1.0, (x,)),
}


@pytest.mark.parametrize("name", BODIES)
def test_no_draw_in_a_loop_or_branch(backend, name):
    with pytest.raises(NotPortableError, match=rf"the body of ops\.{name}, where"):
        drawn(backend, lambda: BODIES[name](ops.ones((4, 3))))
    with running(registry.load(backend)):
        BODIES[name](ops.ones((4, 3)))  # else it may


# -- distributions: of the ops as they are, so that a wrong use of right words shows --------------------------------------------

M = 40000
DISTRIBUTIONS = [
    (lambda: ops.random.uniform((M,)), 0.5, np.sqrt(1 / 12)),
    (lambda: ops.random.uniform((M,), -2, 4, dtype="float64"), 1.0, 6 * np.sqrt(1 / 12)),
    (lambda: ops.random.normal((M,)), 0.0, 1.0),
    (lambda: ops.random.normal((M,), 5, 0.1, dtype="float64"), 5.0, 0.1),
    (lambda: ops.random.randint((M,), 3, 6), 4.0, np.sqrt(2 / 3)),
    (lambda: ops.random.bernoulli(0.3, (M,)), 0.3, np.sqrt(0.21)),
    (lambda: ops.random.dropout(ops.ones((M,)), 0.2), 1.0, 0.5),
]


@pytest.mark.parametrize(("function", "mean", "std"), DISTRIBUTIONS)
def test_distribution(function, mean, std):
    found = drawn("torch", function).astype("float64")
    assert abs(found.mean() - mean) < 4.5 * std / np.sqrt(M)
    assert abs(found.std() - std) < 0.02 * std
    centred = (found - mean) / std
    for lag in (1, M // 4, M // 2):
        assert abs(np.mean(centred * np.roll(centred, lag))) < 4.5 / np.sqrt(M)


def test_normals_have_the_tails_of_normals():
    z = drawn("torch", lambda: ops.random.normal((400000,)))
    for bound, share in ((1, 0.317311), (2, 0.045500), (3, 0.0026998), (4, 6.334e-5)):
        assert abs(np.mean(np.abs(z) > bound) - share) < 4.5 * np.sqrt(share / len(z))


def test_every_order_is_as_likely():
    seen = {}
    for step in range(1200):
        order = tuple(drawn("torch", lambda: ops.random.permutation(3), step=step).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6
    assert sum((n - 200) ** 2 / 200 for n in seen.values()) < 20.5  # chi-square, 5 degrees: 1 in 1000
