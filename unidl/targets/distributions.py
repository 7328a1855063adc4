"""Targets that are probabilities: of classes, which sum to 1, or of yes, each between 0 and 1."""

from __future__ import annotations

import numpy as np

from unidl.errors import DataError

# How far a sum may be from 1: soft targets are often stored in float16, and several labels are off by 1 or more
TOLERANCE = 0.01


def check_sums(what: str, targets: np.ndarray, several: str) -> None:
    """Refuse rows that are no probabilities of classes.

    Args:
        what: Who asks, for the message.
        targets: (batch, ..., classes), floats.
        several: What to use for several labels at once.

    Raises:
        DataError: A row has a negative number, or does not sum to 1.
    """
    if targets.size == 0:
        return
    sums = targets.sum(axis=-1, dtype="float64")
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(sums - 1.0) <= TOLERANCE)  # not > : a NaN is wrong as well
    if not wrong.any() and not (targets.min() < 0):
        return
    if not wrong.any():
        wrong = (targets < 0).any(axis=-1)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    raise DataError(
        f"{what}: targets of floats are probabilities of the classes, and a row of these is no distribution.",
        expected="rows of numbers from 0 to 1 that sum to 1",
        received=f"a row that sums to {sums[index]:g}, of example {index[0]}: {_row(targets[index])}",
        fix=f"For several labels at once, {several}; counts and weights become probabilities when divided by their sum.",
    )


def check_unit(what: str, targets: np.ndarray, only_ends: bool = False) -> None:
    """Refuse targets that are no answers to yes or no.

    Args:
        what: Who asks, for the message.
        targets: (batch, ...), bool, integers or floats.
        only_ends: Whether nothing but 0 and 1 will do.

    Raises:
        DataError: A number is below 0, above 1, or NaN; or in between where only 0 and 1 will do.
    """
    if targets.size == 0 or targets.dtype.kind == "b":
        return
    if targets.dtype.kind != "f" and targets.min() >= 0 and targets.max() <= 1:
        return
    right = (targets == 0) | (targets == 1) if only_ends else (targets >= 0) & (targets <= 1)
    if right.all():
        return
    index = tuple(int(i) for i in np.unravel_index(int(np.argmin(right)), right.shape))
    raise DataError(
        f"{what}: a target is {'neither 0 nor 1' if only_ends else 'no probability'}.",
        expected="0 for no, 1 for yes" if only_ends else "0 for no, 1 for yes, or a probability in between",
        received=f"{targets[index]}, of example {index[0]}",
        fix="Labels -1 and 1 become 0 and 1 with (targets + 1) / 2; classes 0, 1, 2, … are for losses.CrossEntropy and metrics.Accuracy.",
    )


def _row(row: np.ndarray) -> str:
    shown = ", ".join(f"{value:g}" for value in row[:8])
    return f"[{shown}{', …' if len(row) > 8 else ''}]"
