"""The random ops as random="portable" means them: from words of `philox`, so that every backend draws the same.

Whole numbers, uniforms and masks have the same bits everywhere; normals agree up to the rounding of log, sin and cos.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unidl.errors import ArgumentError, NotPortableError
from unidl.graph.operand import floating
from unidl.graph.spec import dtype_name
from unidl.ops.arithmetic import add, cast, cos, divide, log, minimum, multiply, sin, sqrt
from unidl.ops.arithmetic import dtype as dtype_of
from unidl.ops.bitwise import bitwise_and, bitwise_or, left_shift, right_shift
from unidl.ops.comparison import greater_equal, less, where
from unidl.ops.creation import tensor
from unidl.ops.joining import concatenate
from unidl.ops.manipulation import reshape
from unidl.ops.manipulation import shape as lengths
from unidl.ops.philox import philox
from unidl.ops.sorting import argsort
from unidl.ops.stream import NOW, next_stream

Tensor = Any

# the bits that a uniform number has: as many as the dtype holds between 1/2 and 1
BITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}


def words(count: Any, like: Any) -> Tensor:
    """The next words of 32 bits at the present path, (count,) of int64.

    Raises:
        NotPortableError: In the body of a loop or branch, which a graph holds once and Python runs many times, or never.
    """
    if NOW.inside is not None:
        raise inside_control_flow(NOW.inside)
    stream: Any = NOW.stream
    state = stream.state
    if isinstance(state, np.ndarray):  # outside any model
        state = tensor(state, dtype="int64", like=like)
    return philox(count, state, next_stream(stream))


def inside_control_flow(name: str) -> NotPortableError:
    """The error for a draw in the body of a loop or branch."""
    return NotPortableError(
        f'A random op stands in the body of ops.{name}, where random="portable" cannot count the draws of a step.',
        expected="draws outside of loops and branches",
        fix='Draw before the loop, with an axis for its rounds, and hand the numbers in; or random="native".',
    )


def _form(shape: Any, like: Any) -> tuple[tuple[Any, ...], Any]:
    """The lengths and their product."""
    known = lengths(like) if shape is None else shape if isinstance(shape, (tuple, list)) else (shape,)
    count: Any = 1
    for length in known:
        count = count * length
    return tuple(known), count


def _dtype(dtype: Any, like: Any) -> str:
    if dtype is not None:
        return dtype_name(dtype)
    return "float32" if like is None else floating(dtype_of(like))


def _fractions(drawn: Tensor, count: Any, kind: str, first: int = 0) -> Tensor:
    """Numbers (i + first) / 2^bits with i < 2^bits, (count,), exact; float64 takes two words for each."""
    bits = BITS[kind]
    if kind == "float64":
        high, low = right_shift(drawn[:count], 5), right_shift(drawn[count:], 6)  # 27 and 26 bits
        whole = add(left_shift(high, 26), low)
    else:
        whole = right_shift(drawn, 32 - bits)
    return multiply(cast(whole if first == 0 else add(whole, first), kind), 2.0**-bits)


def uniform(
    shape: Any = None, low: float = 0.0, high: float = 1.0, dtype: str | None = None, like: Tensor | None = None
) -> Tensor:
    """As ops.random.uniform."""
    kind = _dtype(dtype, like)
    known, count = _form(shape, like)
    u = _fractions(words(count * 2 if kind == "float64" else count, like), count, kind)
    if (low, high) != (0.0, 1.0):
        u = add(multiply(u, high - low), low)
        if low < high:
            u = minimum(u, _below(high, kind))  # rounding may reach what is to be left out
    return reshape(u, known)


def _below(high: float, kind: str) -> float:
    """The largest number of a dtype below `high`."""
    if kind == "bfloat16":  # NumPy has none
        step = 2.0 ** (math.frexp(high)[1] - 8) if high else 2.0**-133
        return float(high) - (step / 2 if high > 0 and math.frexp(high)[0] == 0.5 else step)
    return float(np.nextafter(np.asarray(high, kind), np.asarray(-np.inf, kind)))


def normal(
    shape: Any = None, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, like: Tensor | None = None
) -> Tensor:
    """As ops.random.normal, by Box and Muller: each two uniforms give two normals."""
    kind = _dtype(dtype, like)
    exact = "float64" if kind == "float64" else "float32"
    known, count = _form(shape, like)
    pairs = (count + 1) // 2
    drawn = words(pairs * (4 if exact == "float64" else 2), like)
    half = pairs * (2 if exact == "float64" else 1)
    radius = sqrt(multiply(log(_fractions(drawn[:half], pairs, exact, first=1)), -2.0))  # of a number in (0, 1]
    angle = multiply(_fractions(drawn[half:], pairs, exact), 2.0 * math.pi)
    z = concatenate([multiply(radius, cos(angle)), multiply(radius, sin(angle))], axis=0)[:count]
    if (mean, stddev) != (0.0, 1.0):
        z = add(multiply(z, stddev), mean)
    return reshape(cast(z, kind), known)


def randint(
    shape: Any = None, low: int = 0, high: int = 2, dtype: str | None = None, like: Tensor | None = None
) -> Tensor:
    """As ops.random.randint: floor(f · (high - low)) with a fraction f of 64 bits, so no number is favoured by more than 2^-33.

    Raises:
        ArgumentError: There are more than 2^31 numbers to choose from.
    """
    choices = high - low
    if not 1 <= choices <= 2**31:
        raise ArgumentError(
            'ops.random.randint with random="portable" chooses from 1 to 2^31 numbers.',
            expected="0 < high - low ≤ 2147483648",
            received=f"low={low}, high={high}",
            fix="Put a larger number together from two draws.",
        )
    known, count = _form(shape, like)
    drawn = words(count * 2, like)
    carried = right_shift(multiply(drawn[count:], choices), 32)
    whole = right_shift(add(multiply(drawn[:count], choices), carried), 32)
    return reshape(cast(add(whole, low), dtype_name(dtype or "int64")), known)


def bernoulli(probability: Any, shape: Any = None, like: Tensor | None = None) -> Tensor:
    """As ops.random.bernoulli; the probability is rounded to a multiple of 2^-32."""
    if not isinstance(probability, (int, float)):
        return less(uniform(shape, dtype="float32", like=like), probability)
    known, count = _form(shape, like)
    return reshape(less(words(count, like), round(probability * 2**32)), known)


def dropout(x: Tensor, rate: float) -> Tensor:
    """As ops.random.dropout. Half a word decides on an element, so the rate is rounded to a multiple of 2^-16."""
    known, count = _form(None, x)
    drawn = words((count + 1) // 2, x)
    halves = concatenate([bitwise_and(drawn, 0xFFFF), right_shift(drawn, 16)], axis=0)[:count]
    kept = reshape(greater_equal(halves, min(round(rate * 2**16), 2**16 - 1)), known)
    return where(kept, divide(x, 1.0 - rate), 0.0)


def permutation(count: Any, like: Tensor | None = None) -> Tensor:
    """As ops.random.permutation: the order of keys of 63 bits; equal ones keep theirs."""
    drawn = words(count * 2, like)
    return argsort(bitwise_or(left_shift(drawn[:count], 31), right_shift(drawn[count:], 1)))
