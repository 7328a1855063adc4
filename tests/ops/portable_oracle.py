"""Portable random numbers in NumPy, written once more from the papers: unsigned words, and Python's own numbers for paths."""

from __future__ import annotations

import hashlib

import numpy as np

WORD = 0xFFFFFFFF


def philox4x32(counter: list[np.ndarray], key: tuple[int, int], rounds: int = 10) -> list[np.ndarray]:
    """Philox4x32 of Salmon et al. (2011), figure 2 and table 2, on arrays of uint64 that hold 32 bits."""
    c0, c1, c2, c3 = (np.asarray(word, "uint64") for word in counter)
    k0, k1 = key
    for _ in range(rounds):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)  # up to 64 bits, without a sign
        high0, low0, high1, low1 = p0 >> np.uint64(32), p0 & np.uint64(WORD), p1 >> np.uint64(32), p1 & np.uint64(WORD)
        c0, c1, c2, c3 = high1 ^ c1 ^ np.uint64(k0), low1, high0 ^ c3 ^ np.uint64(k1), low0
        k0, k1 = (k0 + 0x9E3779B9) & WORD, (k1 + 0xBB67AE85) & WORD
    return [c0, c1, c2, c3]


def words(count: int, seed: int, step: int, stream: int) -> np.ndarray:
    """The words of one draw, uint64."""
    lanes = np.arange((count + 3) // 4)
    counter = [lanes, *(np.full_like(lanes, word) for word in (step & WORD, stream & WORD, stream >> 32))]
    return np.concatenate(philox4x32(counter, (seed & WORD, seed >> 32 & WORD)))[:count]


class Draws:
    """What random ops give at one path in one step, in order."""

    def __init__(self, seed: int, step: int, path: str = "") -> None:
        self.seed, self.step, self.call = seed, step, 0
        self.origin = int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "big")

    def words(self, count: int) -> np.ndarray:
        stream = (self.origin + self.call * 0x9E3779B97F4A7C15) % 2**64
        self.call += 1
        return words(count, self.seed % 2**64, self.step, stream)

    def uniform(self, count: int, dtype: str = "float32", low: float = 0.0, high: float = 1.0) -> np.ndarray:
        if dtype == "float64":
            w = self.words(2 * count)
            u = ((w[:count] >> np.uint64(5)) * 2.0**26 + (w[count:] >> np.uint64(6))) / 2.0**53
        else:
            u = ((self.words(count) >> np.uint64(8)) / 2.0**24).astype("float32")
        kind = np.dtype(dtype).type
        return np.minimum(u * kind(high - low) + kind(low), np.nextafter(kind(high), kind(low)))

    def normal(self, count: int, dtype: str = "float32") -> np.ndarray:
        pairs = (count + 1) // 2
        if dtype == "float64":
            w = self.words(4 * pairs).reshape(4, pairs)
            a, b = (((w[i] >> np.uint64(5)) * 2.0**26 + (w[i + 1] >> np.uint64(6))) / 2.0**53 for i in (0, 2))
            a = a + 2.0**-53
        else:
            w = self.words(2 * pairs).reshape(2, pairs)
            a, b = ((w[0] >> np.uint64(8)) + np.uint64(1)) / 2.0**24, (w[1] >> np.uint64(8)) / 2.0**24
        radius = np.sqrt(-2 * np.log(a))
        return np.concatenate([radius * np.cos(2 * np.pi * b), radius * np.sin(2 * np.pi * b)])[:count]

    def randint(self, count: int, low: int, high: int) -> np.ndarray:
        w = self.words(2 * count)
        fractions = [int(a) << 32 | int(b) for a, b in zip(w[:count], w[count:], strict=True)]
        return np.array([low + (f * (high - low) >> 64) for f in fractions])

    def bernoulli(self, count: int, probability: float) -> np.ndarray:
        return self.words(count) < round(probability * 2**32)

    def kept(self, count: int, rate: float) -> np.ndarray:
        w = self.words((count + 1) // 2)
        return np.concatenate([w & np.uint64(0xFFFF), w >> np.uint64(16)])[:count] >= round(rate * 2**16)

    def permutation(self, count: int) -> np.ndarray:
        w = self.words(2 * count)
        return np.argsort(
            [int(a) << 31 | int(b) >> 1 for a, b in zip(w[:count], w[count:], strict=True)], kind="stable"
        )
