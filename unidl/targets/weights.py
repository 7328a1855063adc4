"""Weights and masks of examples or positions: aligned with the values that they weigh, never broadcast against another axis.

A weight multiplies a value; a mask leaves positions out of the sum and of the number that it is divided by. Both have the values' first
axes, (batch,), (batch, time) and so on; the axes behind them share one weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.backends.conversion import ensure_shape
from unidl.errors import ArgumentError, DataError, ShapeError
from unidl.graph.array import all_finite, first_odd
from unidl.graph.node import leaves
from unidl.graph.shape import fits, known_shape
from unidl.graph.spec import dtype_name, is_float


def is_mask(weights: Any) -> bool:
    """Whether what was given as weights is a mask: of booleans."""
    return dtype_name(weights.dtype) == "bool"


def mask_of(sample_weight: Any, mask: Any) -> Any:
    """The mask among what a caller gave, None where there is none."""
    if mask is not None or sample_weight is None or not hasattr(sample_weight, "dtype"):
        return mask
    return sample_weight if is_mask(sample_weight) else None


def aligned(what: str, name: str, weights: Any, values: Any) -> Any:
    """Weights or a mask with an axis of length 1 for each axis of the values that they do not have.

    Args:
        what: Who weighs, for the message.
        name: How the caller knows the weights: "sample_weight" or "mask".
        weights: (batch, ...)
        values: What is weighed: (batch, ..., more axes).

    Raises:
        ArgumentError: They are no array or tensor.
        ShapeError: Their axes are not the first axes of the values.
    """
    if not hasattr(weights, "shape") or not hasattr(weights, "dtype"):
        raise ArgumentError(
            f"{what}: {name} is one array or tensor beside one tensor of predictions.",
            expected="(batch, ...)",
            received=type(weights).__name__,
            fix="np.asarray(weights) makes an array.",
        )
    given, wanted = known_shape(weights), known_shape(values)
    if given is None or wanted is None:
        return weights
    if not wanted:
        raise ShapeError(
            f"{what} returns one number for the whole batch, which {name} cannot weigh.",
            expected="a value for each example (batch, ...)",
            received="()",
            fix="Return the values before their mean is taken: the mean is taken afterwards.",
        )
    if not given or not fits(given, wanted[: len(given)]):
        extra = given[-1:] == (1,) and fits(given[:-1], wanted[: len(given) - 1])
        raise ShapeError(
            f"{what}: {name} does not have the first axes of the values that it weighs.",
            expected=" or ".join(str(tuple(wanted[: axes + 1])) for axes in range(len(wanted))),
            received=str(tuple(given)),
            fix=f"{name}[..., 0] takes the last axis away." if extra else None,
        )
    first = wanted[: len(given)]
    if any(length is None and other is not None for length, other in zip(given, first, strict=True)):
        weights = ensure_shape(weights, first)  # a graph finds out as it runs: a length of 1 would be broadcast
    for _ in range(len(wanted) - len(given)):
        weights = ops.expand_dims(weights, -1)
    return weights


def factors(what: str, values: Any, sample_weight: Any, *masks: Any) -> tuple[Any, Any]:
    """Weights in the values' dtype, and one mask, aligned with the values; None for what is not there.

    Args:
        what: Who weighs, for the message.
        values: (batch, ...)
        sample_weight: Weights, or a mask of booleans, or None.
        *masks: Masks, or None.
    """
    if sample_weight is not None and hasattr(sample_weight, "dtype") and is_mask(sample_weight):
        sample_weight, masks = None, (*masks, sample_weight)
    both = None
    for mask in masks:
        if mask is not None:
            one = ops.cast(aligned(what, "mask", mask, values), "bool")
            both = one if both is None else ops.logical_and(both, one)
    if sample_weight is not None:
        kind = dtype_name(values.dtype)
        sample_weight = aligned(what, "sample_weight", sample_weight, values)
        sample_weight = ops.cast(sample_weight, kind if is_float(kind) else "float32")
    return sample_weight, both


def weighed(values: Any, weights: Any, mask: Any) -> tuple[Any, Any]:
    """Values times their weights, and the number of times that each counts before weights, 0 where the mask leaves it out.

    Args:
        values: (batch, ...), floats.
        weights: Aligned with them, or None.
        mask: Likewise.
    """
    number = ops.ones_like(values)
    if mask is not None:
        values, number = ops.where(mask, values, 0.0), ops.where(mask, number, 0.0)
    return values if weights is None else ops.multiply(values, weights), number


def divided(numerator: Any, denominator: Any) -> Any:
    """The one by the other; 0 where nothing counts, for then both are."""
    nothing = ops.equal(denominator, 0.0)
    return ops.divide(numerator, ops.where(nothing, ops.ones_like(denominator), denominator))


def blanked(targets: Any, mask: Any) -> Any:
    """Targets with 0 wherever a mask leaves the position out, where padding may be anything; nested ones as they are."""
    if mask is None or not hasattr(targets, "shape"):
        return targets
    given, wanted = known_shape(mask), known_shape(targets)
    if given is None or wanted is None or not fits(given, wanted[: len(given)]):
        return targets  # the mask is refused where it meets the values
    for _ in range(len(wanted) - len(given)):
        mask = ops.expand_dims(mask, -1)
    return ops.where(mask, targets, ops.zeros_like(targets))


def blanked_array(targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The same for arrays on the host."""
    if targets.shape[: mask.ndim] != mask.shape:
        return targets
    return np.where(mask.reshape(mask.shape + (1,) * (targets.ndim - mask.ndim)), targets, np.zeros((), targets.dtype))


def check(what: str, weights: Any) -> None:
    """Refuse arrays of weights that are none.

    Args:
        what: How messages call them.
        weights: An array, or nested ones; booleans are masks.

    Raises:
        DataError: A weight is negative, NaN or infinite; the first such example is named.
    """
    for array in leaves(weights):
        if not all_finite(array):
            value, index = first_odd(array)
        elif array.dtype.kind in "if" and array.min(initial=0) < 0:
            index = tuple(int(i) for i in np.unravel_index(int(np.argmax(array < 0)), array.shape))
            value = str(array[index])
        else:
            continue
        raise DataError(
            f"{what}: a weight is negative or not finite.",
            expected="numbers from 0 up, or booleans, which are a mask",
            received=f"{value}, of example {index[0]}" + (f" at {index[1:]}" if len(index) > 1 else ""),
            fix="A weight of 0 leaves an example out of the sum.",
        )
