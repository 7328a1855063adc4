"""Philox4x32-10: the generator behind random="portable", a function of a key and a counter that keeps no state.

Everything is whole numbers in int64, so every framework computes the same bits. A backend may have it in one kernel.
"""

from __future__ import annotations

from typing import Any

from unidl.errors import ShapeError
from unidl.graph.length import lengths
from unidl.graph.operand import shape_of, want
from unidl.graph.shape import fits
from unidl.graph.spec import TensorSpec
from unidl.ops.arithmetic import add, multiply
from unidl.ops.bitwise import bitwise_and, bitwise_xor, right_shift
from unidl.ops.creation import arange, full_like
from unidl.ops.joining import concatenate
from unidl.ops.op import composed_with

Tensor = Any
Word = int

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # added to the key from round to round
WORD = 0xFFFFFFFF


def _philox(count: Any, state: Any, stream: int) -> TensorSpec:
    want(state, "int64")
    if not fits(shape_of(state), (2,)):
        raise ShapeError("A state is (seed, step).", expected="(2,)", received=str(shape_of(state)))
    return TensorSpec(lengths((count,)), "int64")


@composed_with(_philox)
def philox(count: Any, state: Tensor, stream: Word) -> Tensor:
    """Random words of 32 bits, as int64 from 0 to 2^32 - 1: a function of the arguments and of nothing else.

        word[i] = Philox4x32-10(key=seed, counter=(i mod n, step, stream))[i div n]        n = ceil(count / 4)

    Args:
        count: How many; an integer, or a scalar such as `ops.shape(x)[0]`.
        state: (seed, step), int64 (2,). All 64 bits of the seed count, and the lower 32 of the step.
        stream: 64 bits that tell draws of one step apart.

    Example:
        >>> [hex(w) for w in unidl.to_numpy(ops.philox(4, np.array([0, 0]), 0)).tolist()]
        ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']

    References: Salmon, Moraes, Dror, Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.
    """
    seed, step = state[0], state[1]
    key = [bitwise_and(seed, WORD), bitwise_and(right_shift(seed, 32), WORD)]
    lanes = arange((count + 3) // 4, dtype="int64", like=state)  # (n,)
    c0, c1 = lanes, bitwise_and(step, WORD)
    c2, c3 = full_like(step, stream & WORD), full_like(step, stream >> 32 & WORD)
    return concatenate(cipher((c0, c1, c2, c3), key), axis=0)[:count]


def cipher(counter: tuple[Tensor, Tensor, Tensor, Tensor], key: list[Tensor]) -> list[Tensor]:
    """The four words of a counter, enciphered with the two of a key."""
    c0, c1, c2, c3 = counter
    for number in range(ROUNDS):
        low, high = (bitwise_and(add(k, w * number), WORD) for k, w in zip(key, WEYL, strict=True))
        # a product has 64 bits and its top one is the sign: shifting down carries ones in, which the mask takes away
        p0, p1 = multiply(c0, MULTIPLIERS[0]), multiply(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = (
            bitwise_xor(bitwise_xor(bitwise_and(right_shift(p1, 32), WORD), c1), low),
            bitwise_and(p1, WORD),
            bitwise_xor(bitwise_xor(bitwise_and(right_shift(p0, 32), WORD), c3), high),
            bitwise_and(p0, WORD),
        )
    return [c0, c1, c2, c3]
