"""Shapes of results before a framework runs; an axis of unknown length is None."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.errors import ArgumentError, ShapeError
from unidl.graph.spec import Shape

Axis = int | tuple[int, ...] | None


def broadcast(*shapes: Shape) -> Shape:
    """The shape in which operands meet: aligned at the last axis, equal lengths or 1.

    An unknown length beside 1 stays unknown; beside a known length above 1 it must be that one.

    Raises:
        ShapeError: Two lengths differ and neither is 1.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[int | None] = []
    for position in range(-rank, 0):
        lengths = {shape[position] for shape in shapes if -position <= len(shape)} - {1}
        known = lengths - {None}
        if len(known) > 1:
            raise ShapeError(
                f"Operands of shapes {' and '.join(map(str, shapes))} do not fit together at axis {position}.",
                expected="equal lengths, or 1, at each axis counted from the last",
                received=" and ".join(str(length) for length in sorted(n for n in known if n is not None)),
                fix="Give them the same axes first, with ops.expand_dims, ops.transpose or ops.reshape.",
            )
        result.append(known.pop() if known else None if lengths else 1)
    return tuple(result)


def known_shape(tensor: Any) -> Shape | None:
    """The shape of an array, tensor or spec, None for an axis of unknown length; None where not even their number is known."""
    shape = tensor.shape
    if isinstance(shape, tuple):  # NumPy's, torch's, unidl's own: the hot path
        return shape
    return None if getattr(shape, "rank", 0) is None else tuple(shape)


def fits(one: Shape | None, other: Shape | None) -> bool:
    """Whether two shapes can be the same: an unknown length may be any."""
    if one is None or other is None or one == other:
        return True
    return len(one) == len(other) and all(a == b or a is None or b is None for a, b in zip(one, other, strict=True))


def canonical_axis(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        ArgumentError: It is no integer.
        ShapeError: There is no such axis.
    """
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise ArgumentError("An axis is an integer.", received=repr(axis))
    if not -rank <= axis < rank:
        raise ShapeError(
            f"There is no axis {axis} in a tensor of {rank} axes.",
            expected=f"{-rank} to {rank - 1}" if rank else "no axis: the tensor is a scalar",
            received=str(axis),
        )
    return axis.__index__() % rank


def canonical_axes(axis: Axis | list[int], rank: int) -> tuple[int, ...]:
    """The axes that `axis` names, counted from the front, in rising order; None names all.

    Raises:
        ShapeError: One is not there, or is named twice.
    """
    if axis is None:
        return tuple(range(rank))
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    if not given:
        raise ArgumentError("An empty tuple names no axis.", received="axis=()", fix="Write axis=None for all axes.")
    axes = tuple(sorted(canonical_axis(a, rank) for a in given))
    if len(set(axes)) != len(axes):
        raise ShapeError("An axis is named twice.", received=str(axis))
    return axes


def reduce(shape: Shape, axis: Axis, keepdims: bool) -> Shape:
    """The shape after a reduction over `axis`."""
    axes = canonical_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else length for i, length in enumerate(shape))
    return tuple(length for i, length in enumerate(shape) if i not in axes)


def matmul(x: Shape, y: Shape) -> Shape:
    """The shape of a matrix product: (..., n, k) by (..., k, m) gives (..., n, m); a vector stands for one row or column.

    Raises:
        ShapeError: A scalar, or inner lengths that differ.
    """
    if not x or not y:
        raise ShapeError(
            "A matrix product needs tensors of at least 1 axis.",
            received=f"{x} and {y}",
            fix="Multiply by a scalar with x * y.",
        )
    inner = (x[-1], y[-2] if len(y) > 1 else y[-1])
    if None not in inner and inner[0] != inner[1]:
        raise ShapeError(
            f"A matrix product of {x} and {y} needs equal inner lengths.",
            expected="(..., n, k) and (..., k, m)",
            received=f"k = {inner[0]} and {inner[1]}",
            fix="Swap the last two axes of one: ops.swapaxes(y, -1, -2).",
        )
    return broadcast(x[:-2], y[:-2]) + x[-2:-1] + (y[-1:] if len(y) > 1 else ())


def einsum(equation: str, shapes: Sequence[Shape]) -> Shape:
    """The shape of an Einstein sum; `...` stands for axes that broadcast.

    Raises:
        ArgumentError: The equation cannot be read.
        ShapeError: An operand does not fit it.
    """
    terms, result = split_equation(equation)
    if len(terms) != len(shapes):
        raise ArgumentError(
            f"The equation {equation!r} is for {len(terms)} operands.",
            expected=str(len(terms)),
            received=str(len(shapes)),
        )
    lengths: dict[str, int | None] = {}
    rests: list[Shape] = []
    for term, shape in zip(terms, shapes, strict=True):
        before, dots, after = term.partition("...")
        named = len(before) + len(after)
        if len(shape) < named or (not dots and len(shape) != named):
            raise ShapeError(
                f"The term {term!r} of {equation!r} does not fit an operand of shape {shape}.",
                expected=f"{named} axes" + (" or more" if dots else ""),
                received=f"{len(shape)} axes",
            )
        if dots:
            rests.append(shape[len(before) : len(shape) - len(after)])
        ends = [*zip(before, shape, strict=False), *zip(reversed(after), reversed(shape), strict=False)]
        for letter, length in ends:
            known = lengths.get(letter)
            if known is not None and length is not None and known != length:
                raise ShapeError(
                    f"Axis {letter!r} of {equation!r} has two lengths.", expected=str(known), received=str(length)
                )
            lengths[letter] = length if known is None else known
    before, dots, after = result.partition("...")
    if not set(before + after) <= lengths.keys():
        raise ArgumentError(f"The result of {equation!r} names an axis that no operand has.", received=result)
    rest = broadcast(*rests)
    if not dots:  # they are summed over
        rest = ()
    return tuple(lengths[a] for a in before) + rest + tuple(lengths[a] for a in after)


def keeping_dots(equation: str) -> tuple[str, int | None]:
    """An equation that TensorFlow reads: its result has the axes of `...` where a term has them.

    Returns:
        The equation, and the number of the result's last axes before which those stand that are yet to be summed over; None for none.
    """
    terms, result = split_equation(equation)
    if not any("..." in term for term in terms) or "..." in result:
        return equation, None
    return f"{','.join(terms)}->...{result}", len(result)


def split_equation(equation: str) -> tuple[list[str], str]:
    """The terms and the result of an Einstein sum's equation.

    Raises:
        ArgumentError: It has no `->`, repeats a letter within one term, or has other signs than letters and `...`.
    """
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    for term in (*terms, result):
        letters = term.replace("...", "", 1)
        if (
            not arrow
            or (letters and not (letters.isalpha() and letters.isascii()))
            or len(set(letters)) != len(letters)
        ):
            raise ArgumentError(
                f"The equation {equation!r} cannot be read.",
                expected="terms of different letters, `,` between them, `->` and the result: 'bik,bkj->bij'",
                received=term if arrow else "no `->`",
            )
    return terms, result
