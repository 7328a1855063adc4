"""Tensors joined and split: along an axis they have, or a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.errors import ArgumentError, ShapeError
from unidl.graph.limit import spend_outputs
from unidl.graph.operand import meeting_dtype, shape_of, tensor_spec
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import Shape, TensorSpec
from unidl.ops.op import op

Tensor = Any
Tensors = Any  # a list of tensors


def _one_dtype(xs: Sequence[Any]) -> str:
    if not isinstance(xs, (list, tuple)) or not xs:
        raise ArgumentError("Joining needs a list of at least one tensor.", received=repr(xs)[:80])
    return meeting_dtype(*xs)


def _agree_beside(shapes: list[Any], axis: int | None) -> list[int | None]:
    """The common lengths; they may differ at `axis` only."""
    result: list[int | None] = list(shapes[0])
    for other in shapes[1:]:
        pairs = list(enumerate(zip(result, other, strict=False)))
        if len(other) != len(result) or any(i != axis and None not in (a, b) and a != b for i, (a, b) in pairs):
            raise ShapeError(
                "Tensors are joined only if their other axes agree.",
                expected=str(tuple(shapes[0])) + (f", any length at axis {axis}" if axis is not None else ""),
                received=str(tuple(other)),
            )
        result = [b if a is None else a for _, (a, b) in pairs]
    return result


def _concatenate(xs: Sequence[Any], axis: int) -> TensorSpec:
    dtype, shapes = _one_dtype(xs), [shape_of(x) for x in xs]
    axis = canonical_axis(axis, len(shapes[0]))
    result = _agree_beside(shapes, axis)
    parts = [s[axis] for s in shapes]
    result[axis] = None if None in parts else sum(n for n in parts if n is not None)
    return TensorSpec(tuple(result), dtype)


@op(_concatenate)
def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors end to end along an axis they have; dtypes meet as in arithmetic.

    Args:
        xs: At least one tensor; their lengths may differ at `axis` only.
        axis: Where they are joined.

    Raises:
        ShapeError: Another axis differs.

    Example:
        >>> unidl.to_numpy(ops.concatenate([np.array([1, 2]), np.array([3])])).tolist()
        [1, 2, 3]
    """


def _stack(xs: Sequence[Any], axis: int) -> TensorSpec:
    dtype, shapes = _one_dtype(xs), [shape_of(x) for x in xs]
    result = _agree_beside(shapes, None)
    result.insert(canonical_axis(axis, len(result) + 1), len(xs))
    return TensorSpec(tuple(result), dtype)


@op(_stack)
def stack(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis, which is axis `axis` of the result.

    Raises:
        ShapeError: The shapes differ.

    Example:
        >>> unidl.to_numpy(ops.stack([np.array([1, 2]), np.array([3, 4])], axis=1)).tolist()
        [[1, 3], [2, 4]]
    """


def _unstack(x: Any, axis: int) -> list[TensorSpec]:
    spec = tensor_spec(x)
    axis = canonical_axis(axis, len(spec.shape))
    rest = TensorSpec(spec.shape[:axis] + spec.shape[axis + 1 :], spec.dtype)
    count = _known(spec.shape, axis, "Unstacking")
    spend_outputs(count, "Unstacking")
    return [rest] * count


def _known(shape: Shape, axis: int, what: str) -> int:
    n = shape[axis]
    if n is None:
        raise ShapeError(
            f"{what} needs to know the length of axis {axis}.",
            received=str(shape),
            fix="Give that axis in Input(shape), or loop with ops.scan, which takes any length.",
        )
    return int(n)


@op(_unstack)
def unstack(x: Tensor, axis: int = 0) -> Tensors:
    """The slices along an axis of known length, without that axis.

    Raises:
        ShapeError: The length is not known.

    Example:
        >>> [unidl.to_numpy(part).tolist() for part in ops.unstack(np.array([[1, 2], [3, 4]]))]
        [[1, 2], [3, 4]]
    """


def part_lengths(n: int | None, parts: int | Sequence[int]) -> list[int]:
    """The lengths of the parts into which an axis of length n is split.

    Raises:
        ShapeError: They do not add up to n, or n is needed and not known.
    """
    if isinstance(parts, int):
        if n is None or parts < 1 or n % parts:
            raise ShapeError(
                f"An axis of length {n} cannot be split into {parts} equal parts.",
                expected=f"a known multiple of {parts}",
                received=str(n),
                fix="Give the lengths of the parts: ops.split(x, [3, 2], axis).",
            )
        return [n // parts] * parts
    if min(parts, default=0) < 0 or (n is not None and sum(parts) != n):
        raise ShapeError(
            "The parts of a split make up the axis.", expected=f"lengths that add up to {n}", received=str(list(parts))
        )
    return list(parts)


def _split(x: Any, parts: int | Sequence[int], axis: int) -> list[TensorSpec]:
    spec = tensor_spec(x)
    axis = canonical_axis(axis, len(spec.shape))
    before, n, after = spec.shape[:axis], spec.shape[axis], spec.shape[axis + 1 :]
    spend_outputs(max(parts, 0) if isinstance(parts, int) else len(parts), "A split")  # before a list of them is made
    return [TensorSpec((*before, part, *after), spec.dtype) for part in part_lengths(n, parts)]


@op(_split)
def split(x: Tensor, parts: int | Sequence[int], axis: int = 0) -> Tensors:
    """The tensor in parts along an axis.

    Args:
        x: A tensor.
        parts: How many equal parts, or the length of each part.
        axis: The axis that is parted.

    Raises:
        ShapeError: The parts do not make up the axis.

    Example:
        >>> [unidl.to_numpy(part).tolist() for part in ops.split(np.arange(5), [2, 3])]
        [[0, 1], [2, 3, 4]]

    Where the frameworks differ: a list means lengths here and in torch and TensorFlow; in NumPy and Keras it means positions.
    """
