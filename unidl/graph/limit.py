"""How much a description may make while a file is read: a file of a kilobyte can ask for 10^9 outputs, or for 2^40 calls."""

from __future__ import annotations

from contextvars import ContextVar

from unidl.errors import FileError, ShapeError
from unidl.within import within

MAX_OUTPUTS = 2**20  # of one call of an op, whoever asks
LAYER, OP, OUTPUT = 10, 5, 1  # what a call of a layer costs, a call of an op, one of its outputs: about their time

# how much tracing may still cost, where somebody set a limit
_left: ContextVar[list[int] | None] = ContextVar("unidl_cost_left", default=None)


def limited(cost: int) -> within[list[int]]:
    """Inside, what tracing makes costs at most so much."""
    return within(_left, [cost])


def spend(cost: int) -> None:
    """Count calls of layers, calls of ops, or outputs of an op, before they are made.

    Args:
        cost: LAYER, OP, or OUTPUT times how many.

    Raises:
        FileError: There are more than the limit; only files are limited.
    """
    left = _left.get()
    if left is None:
        return
    left[0] -= cost
    if left[0] < 0:
        raise FileError(
            "The file's description calls layers within layers too many times, or ops with very many outputs.",
            fix="Build a model that is really so large from its own code, and use model.set_weights.",
        )


def spend_outputs(count: int, what: str) -> None:
    """Count the outputs of one call of an op, before a list of them is made.

    Raises:
        FileError: See `spend`.
        ShapeError: There are more than any model has.
    """
    spend(OUTPUT * count)
    if count > MAX_OUTPUTS:
        raise ShapeError(
            f"{what} would return {count:,} tensors.",
            expected=f"at most {MAX_OUTPUTS:,}",
            fix="ops.scan computes along an axis of any length.",
        )
