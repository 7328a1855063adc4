"""Philox4x32-10: Random123's published answers, NumPy's words on every backend, and a generator's first statistics."""

import numpy as np
import pytest

from tests.ops.portable_oracle import philox4x32, words
from tests.ops.program import RUN
from unidl import ops
from unidl.backends import registry
from unidl.ops.op import OPS
from unidl.ops.philox import cipher
from unidl.ops.stream import origin

# kat_vectors of Random123 1.14: counter, key, answer
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
STATES = [(0, 0), (1, 2), (-1, 2**32 - 1), (-(2**63), 5), (0x1234567890ABCDEF, 2**40 + 7)]
STREAM = 0xFEDCBA9876543210


def numbers(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(backend, counter, key, answer):
    b = registry.load(backend)
    given = [[b.to_tensor(np.array([word])) for word in numbers(text)] for text in (counter, key)]
    assert [int(b.to_numpy(word)[0]) for word in cipher(tuple(given[0]), given[1])] == numbers(answer)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_oracle_knows_them_too(counter, key, answer):
    assert [int(word) for word in philox4x32(numbers(counter), tuple(numbers(key)))] == numbers(answer)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("count", [0, 1, 4, 6, 1001])
def test_the_same_words_everywhere(backend, state, count):
    b = registry.load(backend)
    given = b.to_tensor(np.array(state))
    wanted = words(count, state[0] % 2**64, state[1], STREAM)
    for function in (ops.philox, OPS["philox"].function):  # the backend's way, and the definition
        found = b.to_numpy(function(count, given, STREAM))
        assert found.dtype == "int64"
        np.testing.assert_array_equal(found, wanted.astype("int64"))


def test_in_a_program(backend):
    """Compiled, with a length that is known when it runs."""
    state = np.array([3, 4])
    if backend == "keras":
        pytest.skip("a functional Keras model draws in layers only, whose forward sees real tensors")
    found = RUN[backend](lambda x, s: ops.philox(ops.shape(x)[0], s, STREAM), [np.zeros(37), state])
    np.testing.assert_array_equal(registry.load(backend).to_numpy(found), words(37, 3, 4, STREAM).astype("int64"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's code generator uses what torch deprecates
def test_compiled_by_inductor_and_xla():
    import tensorflow as tf
    import torch

    wanted = words(64, 3, 4, STREAM).astype("int64")
    registry.load("torch"), registry.load("tensorflow")
    compiled = torch.compile(lambda s: ops.philox(64, s, STREAM), fullgraph=True)
    np.testing.assert_array_equal(compiled(torch.tensor([3, 4])).numpy(), wanted)
    xla = tf.function(lambda s: ops.philox(64, s, STREAM), jit_compile=True)
    np.testing.assert_array_equal(xla(tf.constant([3, 4], tf.int64)).numpy(), wanted)


# -- statistics, of the oracle's words, which are everybody's ------------------------------------------------------------------

N = 1 << 16


def series(seed=1, step=1, path="dropout", call=0):
    return words(N, seed, step, (origin(path) + call * 0x9E3779B97F4A7C15) % 2**64)


def test_bits_and_bytes_are_even():
    w = series()
    ones = np.array([int((w >> np.uint64(bit) & np.uint64(1)).sum()) for bit in range(32)])
    assert np.abs(ones - N / 2).max() < 4.5 * np.sqrt(N) / 2
    for shift in (0, 8, 16, 24):
        seen = np.bincount((w >> np.uint64(shift) & np.uint64(255)).astype(int), minlength=256)
        chi = float((np.square(seen - N / 256) / (N / 256)).sum())
        assert abs(chi - 255) < 4.5 * np.sqrt(2 * 255)


def test_no_word_comes_too_often():
    repeated = N - len(np.unique(series()))
    assert repeated <= 6  # N^2 / 2^33 = 0.5 are expected


NEIGHBOURS = {
    "step": {"step": 2},
    "seed": {"seed": 2},
    "high bits of the seed": {"seed": 1 + 2**32},
    "path": {"path": "dropout_2"},
    "call": {"call": 1},
}


@pytest.mark.parametrize("changed", NEIGHBOURS)
def test_neighbours_are_strangers(changed):
    a, b = series(), series(**NEIGHBOURS[changed])
    u, v = a / 2.0**32 - 0.5, b / 2.0**32 - 0.5
    for lag in (0, 1, 4, N // 4):
        correlation = float(np.mean(u * np.roll(v, lag))) * 12
        assert abs(correlation) < 4.5 / np.sqrt(N), lag
    flipped = sum(int(bin(int(x)).count("1")) for x in a[:4096] ^ b[:4096])
    assert abs(flipped - 4096 * 16) < 4.5 * np.sqrt(4096 * 32) / 2


def test_a_series_does_not_follow_itself():
    u = series() / 2.0**32 - 0.5
    for lag in (1, 2, 3, N // 4, N // 2):
        assert abs(float(np.mean(u * np.roll(u, lag))) * 12) < 4.5 / np.sqrt(N), lag
