"""Bits of integers, element by element. Operands are integers, bools are none; shapes broadcast."""

from __future__ import annotations

from typing import Any

from unidl.errors import DtypeError
from unidl.graph.operand import elementwise, meeting_dtype
from unidl.graph.spec import TensorSpec, is_integer
from unidl.ops.op import op

Tensor = Any


def of_bits(dtype: str) -> str:
    """The dtype, if it is one of integers.

    Raises:
        DtypeError: It is another.
    """
    if not is_integer(dtype):
        raise DtypeError(
            "Bits are those of integers.",
            expected="integers",
            received=dtype,
            fix="ops.logical_and and its like for bools" if dtype == "bool" else 'ops.cast(x, "int64") first',
        )
    return dtype


def _bits(x: Any, y: Any) -> TensorSpec:
    return elementwise((x, y), of_bits(meeting_dtype(x, y)))


@op(_bits)
def bitwise_and(x: Tensor, y: Tensor) -> Tensor:
    """The bits that are 1 in both.

    Example:
        >>> unidl.to_numpy(ops.bitwise_and(np.array([6, 5]), 3)).tolist()
        [2, 1]
    """


@op(_bits)
def bitwise_or(x: Tensor, y: Tensor) -> Tensor:
    """The bits that are 1 in one or both.

    Example:
        >>> unidl.to_numpy(ops.bitwise_or(np.array([6, 5]), 3)).tolist()
        [7, 7]
    """


@op(_bits)
def bitwise_xor(x: Tensor, y: Tensor) -> Tensor:
    """The bits that are 1 in one and not in both.

    Example:
        >>> unidl.to_numpy(ops.bitwise_xor(np.array([6, 5]), 3)).tolist()
        [5, 6]
    """


@op(_bits)
def left_shift(x: Tensor, y: Tensor) -> Tensor:
    """x with its bits moved up by y places, x · 2^y; what goes beyond the dtype is lost.

    Args:
        x: Integers.
        y: By how many bits; below 0, or as many as the dtype has or more, moves all of them out.

    Example:
        >>> unidl.to_numpy(ops.left_shift(np.array([1, -3]), 2)).tolist()
        [4, -12]

    Where the frameworks differ: TensorFlow takes the nearest count that fits.
    """


@op(_bits)
def right_shift(x: Tensor, y: Tensor) -> Tensor:
    """x with its bits moved down by y places, x / 2^y rounded towards minus infinity: the sign stays.

    Args:
        x: Integers.
        y: By how many bits; below 0, or as many as the dtype has or more, moves all of them out: 0, or -1 where x is negative.

    Example:
        >>> unidl.to_numpy(ops.right_shift(np.array([9, -9]), 2)).tolist()
        [2, -3]

    Where the frameworks differ: TensorFlow takes the nearest count that fits.
    """
