"""Random numbers: `ops.random.uniform(…)` and its like.

Inside a model they draw from its own generator; outside, from the framework's (torch) or unidl's own of the process. Where
`shape` is None the result has the shape of `like`.
"""

from __future__ import annotations

from typing import Any

from unidl.errors import ArgumentError
from unidl.graph.operand import floating, meeting_dtype, shape_of
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import TensorSpec, dtype_name
from unidl.ops.arithmetic import add, divide, log, negative
from unidl.ops.comparison import less, where
from unidl.ops.creation import Lengths, lengths_of
from unidl.ops.op import composed, op
from unidl.ops.reduction import argmax

Tensor = Any


def _shape(shape: Any, like: Any) -> tuple[int | None, ...]:
    if shape is None:
        if like is None:
            raise ArgumentError("Random numbers need a shape.", expected="shape=(…), or like= a tensor of that shape")
        return shape_of(like)
    return lengths_of(shape)


def _real(shape: Any, _low: Any, _high: Any, dtype: Any, like: Any) -> TensorSpec:
    default = "float32" if like is None else floating(meeting_dtype(like))
    return TensorSpec(_shape(shape, like), default if dtype is None else dtype_name(dtype))


def _randint(shape: Any, low: int, high: int, dtype: Any, like: Any) -> TensorSpec:
    if low >= high:
        raise ArgumentError("Random integers need low < high.", received=f"low={low}, high={high}")
    return TensorSpec(_shape(shape, like), dtype_name(dtype or "int64"))


def _permutation(count: int, like: Any) -> TensorSpec:
    return TensorSpec(lengths_of(count), "int64")


@op(_real)
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


@op(_real)
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


@op(_randint)
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


@composed
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


@composed
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
    canonical_axis(axis, len(logits.shape))
    noise = negative(log(negative(log(random_uniform(like=logits)))))
    return argmax(add(logits, noise), axis=axis)


@op(_permutation)
def random_permutation(count: int, like: Tensor | None = None) -> Tensor:
    """The integers below count in random order, as int64.

    Args:
        count: How many.
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


uniform = random_uniform
normal = random_normal
randint = random_randint
bernoulli = random_bernoulli
dropout = random_dropout
categorical = random_categorical
permutation = random_permutation
