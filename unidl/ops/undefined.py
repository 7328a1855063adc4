"""Where integers have no result in integers: the errors, which the frameworks' kernels find on a CPU."""

from __future__ import annotations

import numpy as np

from unidl.errors import DivisionByZeroError, DtypeError


def undefined(error: Exception, divisor: np.ndarray | None) -> Exception:
    """The error for integers without a quotient or power in integers; the framework's own where it is about something else.

    Args:
        error: The framework's.
        divisor: What integers were divided by, or raised to; None where it is not at hand.
    """
    if divisor is None or divisor.dtype.kind not in "iu" or not (divisor <= 0).any():
        return error
    meant = no_quotient() if (divisor == 0).any() else no_power(int(divisor.min()))
    meant.__cause__ = error
    return meant


def no_quotient() -> DivisionByZeroError:
    """The error for integers divided by 0."""
    return DivisionByZeroError(
        "Integers were divided by 0.",
        fix='Floats have an answer: ops.cast(x, "float32"), or ops.where(y == 0, 1, y) as the divisor.',
    )


def no_power(exponent: int | None = None) -> DtypeError:
    """The error for an integer to a negative power."""
    return DtypeError(
        "An integer to a negative power is no integer.",
        expected="exponents from 0, or floats",
        received=None if exponent is None else str(exponent),
        fix='ops.power(ops.cast(x, "float32"), y).',
    )
