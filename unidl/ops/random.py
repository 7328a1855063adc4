"""Random numbers: `ops.random.uniform(…)` and its like.

In a model that was built with random="portable", and inside `seeded`, they are functions of (seed, step, path, call in this
step) that have the same bits on every backend. Else they come from the framework's generator (torch) or unidl's own of the
process. Where `shape` is None the result has the shape of `like`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from unidl.errors import ArgumentError, DtypeError
from unidl.graph.length import lengths
from unidl.graph.operand import check_constant, floating, meeting_dtype, rank_of, shape_of
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import TensorSpec, dtype_name, is_float, is_integer
from unidl.ops import portable
from unidl.ops.arithmetic import add, divide, log, negative
from unidl.ops.comparison import less, where
from unidl.ops.creation import Lengths
from unidl.ops.op import composed, drawing, op
from unidl.ops.reduction import argmax
from unidl.ops.stream import NOW, TOP, Stream, state_of

Tensor = Any
Length = Any  # an integer, or a scalar integer tensor


def _shape(shape: Any, like: Any) -> tuple[int | None, ...]:
    if shape is None:
        if like is None:
            raise ArgumentError("Random numbers need a shape.", expected="shape=(…), or like= a tensor of that shape")
        return shape_of(like)
    return lengths(shape)


def _real(shape: Any, _low: Any, _high: Any, dtype: Any, like: Any) -> TensorSpec:
    default = "float32" if like is None else floating(meeting_dtype(like))
    kind = default if dtype is None else dtype_name(dtype)
    if not is_float(kind):
        raise DtypeError(
            "Random numbers of a continuous distribution are floats.",
            expected="a floating dtype",
            received=kind,
            fix="ops.random.randint draws integers.",
        )
    return TensorSpec(_shape(shape, like), kind)


def _randint(shape: Any, low: int, high: int, dtype: Any, like: Any) -> TensorSpec:
    if low >= high:
        raise ArgumentError("Random integers need low < high.", received=f"low={low}, high={high}")
    kind = dtype_name(dtype or "int64")
    if not is_integer(kind):
        raise DtypeError("Random integers are integers.", expected="an integer dtype", received=kind)
    check_constant(low, kind)
    check_constant(high - 1, kind)
    return TensorSpec(_shape(shape, like), kind)


def _permutation(count: int, like: Any) -> TensorSpec:
    return TensorSpec(lengths((count,)), "int64")


def _portable_dropout(x: Tensor, rate: float) -> Tensor:
    check_rate(rate)
    return x if rate == 0 else portable.dropout(x, rate)


@op(_real, portable=portable.uniform)
def random_uniform(
    shape: Lengths | None = None,
    low: float = 0.0,
    high: float = 1.0,
    dtype: str | None = None,
    like: Tensor | None = None,
) -> Tensor:
    """Numbers that are equally likely anywhere in low ≤ x < high.

    Args:
        shape: Lengths of the result; None for like's.
        low: Lower bound.
        high: Upper bound.
        dtype: like's if that is a float dtype, else float32.
        like: A tensor beside which it will stand.

    Example:
        >>> unidl.to_numpy(ops.random.uniform((2, 3))).shape
        (2, 3)
    """


@op(_real, portable=portable.normal)
def random_normal(
    shape: Lengths | None = None,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
    like: Tensor | None = None,
) -> Tensor:
    """Numbers of the normal distribution.

    Args:
        shape: Lengths of the result; None for like's.
        mean: Where it is centred.
        stddev: Its standard deviation.
        dtype: like's if that is a float dtype, else float32.
        like: A tensor beside which it will stand.

    Example:
        >>> unidl.to_numpy(ops.random.normal((2, 3))).shape
        (2, 3)
    """


@op(_randint, portable=portable.randint)
def random_randint(
    shape: Lengths | None = None, low: int = 0, high: int = 2, dtype: str | None = None, like: Tensor | None = None
) -> Tensor:
    """Whole numbers that are equally likely in low ≤ x < high.

    Args:
        shape: Lengths of the result; None for like's.
        low: The lowest.
        high: One above the highest.
        dtype: An integer dtype; int64 by default, whatever like's is.
        like: A tensor beside which it will stand.

    Raises:
        ArgumentError: low is not below high.

    Example:
        >>> unidl.to_numpy(ops.random.randint((2,), 3, 4)).tolist()
        [3, 3]
    """


@drawing(portable.bernoulli)
def random_bernoulli(probability: float, shape: Lengths | None = None, like: Tensor | None = None) -> Tensor:
    """True with a probability, else False.

    Args:
        probability: Of True, between 0 and 1.
        shape: Lengths of the result; None for like's.
        like: A tensor beside which it will stand.

    Example:
        >>> unidl.to_numpy(ops.random.bernoulli(1.0, (2,))).tolist()
        [True, True]
    """
    return less(random_uniform(shape, dtype="float32", like=like), probability)


@drawing(_portable_dropout)
def random_dropout(x: Tensor, rate: float) -> Tensor:
    """x with a part of its elements set to 0 and the rest divided by 1 - rate, so that the mean stays.

    Args:
        x: Any shape.
        rate: The probability of 0, at least 0 and below 1.

    Raises:
        ArgumentError: The rate is outside [0, 1).

    Example:
        >>> unidl.to_numpy(ops.random.dropout(np.ones(3), 0.0)).tolist()
        [1.0, 1.0, 1.0]
    """
    check_rate(rate)
    if rate == 0:
        return x
    return where(random_bernoulli(1.0 - rate, like=x), divide(x, 1.0 - rate), 0.0)


@composed
def random_categorical(logits: Tensor, axis: int = -1) -> Tensor:
    """One index along an axis, drawn with the probabilities softmax(logits), as int64.

    Args:
        logits: (..., classes)
        axis: The axis of the classes, which the result lacks.

    Example:
        >>> unidl.to_numpy(ops.random.categorical(np.array([[0.0, 1000.0]]))).tolist()
        [1]

    References: the Gumbel-max trick: the argmax of logits - ln(-ln u), u uniform.
    """
    canonical_axis(axis, rank_of(logits))
    noise = negative(log(negative(log(random_uniform(like=logits)))))
    return argmax(add(logits, noise), axis=axis)


@op(_permutation, portable=portable.permutation)
def random_permutation(count: Length, like: Tensor | None = None) -> Tensor:
    """The integers below count in random order, as int64.

    Args:
        count: How many; an integer, or a scalar such as `ops.shape(x)[0]`.
        like: A tensor beside which it will stand.

    Example:
        >>> sorted(unidl.to_numpy(ops.random.permutation(3)).tolist())
        [0, 1, 2]
    """


def check_rate(rate: float) -> None:
    """Refuse a rate outside [0, 1), also where a framework takes 1.

    Raises:
        ArgumentError: It is outside.
    """
    if not 0 <= rate < 1:
        raise ArgumentError(
            "ops.random.dropout needs a rate between 0 and 1.", expected="0 ≤ rate < 1", received=str(rate)
        )


@contextmanager
def seeded(seed: int, step: int = 0) -> Iterator[None]:
    """Inside, random ops outside any model draw the same numbers on every backend.

    The nth draw inside is a function of (seed, step, n). A model that is called inside draws from its own seed all the same. A
    graph that is traced inside holds the numbers of its trace.

    Args:
        seed: Any integer of 64 bits.
        step: Another series for the same seed, from 0.

    Example:
        >>> with ops.random.seeded(1):
        ...     unidl.to_numpy(ops.random.randint((4,), 0, 100)).tolist()
        [66, 69, 87, 54]
    """
    before = NOW.stream, NOW.origin
    NOW.stream, NOW.origin = Stream(np.array(state_of(seed, step)), outside=True), TOP
    try:
        yield
    finally:
        NOW.stream, NOW.origin = before


uniform = random_uniform
normal = random_normal
randint = random_randint
bernoulli = random_bernoulli
dropout = random_dropout
categorical = random_categorical
permutation = random_permutation
