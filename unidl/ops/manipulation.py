"""Shapes and order: reshaping, joining, splitting, repeating, padding. The elements stay what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.errors import ArgumentError, ShapeError
from unidl.graph import length
from unidl.graph.limit import spend_outputs
from unidl.graph.operand import meeting_dtype, shape_of
from unidl.graph.shape import broadcast, canonical_axes, canonical_axis
from unidl.graph.spec import Shape, TensorSpec
from unidl.ops.op import composed, op

Tensor = Any
Tensors = Any  # a list of tensors
Length = Any  # an integer, or a scalar integer tensor
Lengths = Any  # a tuple of such


def _shape(x: Any) -> Any:
    return tuple(TensorSpec((), "int64") if n is None else n for n in shape_of(x))


@op(_shape)
def shape(x: Tensor) -> Lengths:
    """The lengths of the axes: Python integers where they are known, else scalar int64 tensors.

    Args:
        x: A tensor.

    Example:
        >>> ops.shape(np.zeros((2, 3)))
        (2, 3)

    Where the frameworks differ: eager frameworks know every length; inside a tf.function with a free batch axis, and while a
    model is described, the batch length is a scalar tensor. It works in `ops.reshape`, in arithmetic, and as a slice's bound
    in `ops.dynamic_slice`.
    """


@composed
def size(x: Tensor) -> Length:
    """The number of elements, the product of `ops.shape(x)`.

    Example:
        >>> ops.size(np.zeros((2, 3)))
        6
    """
    count: Any = 1
    for n in shape(x):
        count = n if isinstance(count, int) and count == 1 else count * n
    return count


@op(lambda x, shape: TensorSpec(length.reshaped(x, shape), x.dtype))
def reshape(x: Tensor, shape: Sequence[Length]) -> Tensor:
    """The same elements, in row-major order, in another shape.

    Args:
        x: A tensor.
        shape: A length for each axis: an integer, a scalar from `ops.shape`, and once at most -1 for what is left.

    Raises:
        ShapeError: The number of elements differs.

    Example:
        >>> unidl.to_numpy(ops.reshape(np.arange(4), (2, -1))).tolist()
        [[0, 1], [2, 3]]
    """


def _transpose(x: Any, axes: Sequence[int] | None) -> TensorSpec:
    n = len(shape_of(x))
    order = tuple(reversed(range(n))) if axes is None else tuple(canonical_axis(a, n) for a in axes)
    if sorted(order) != list(range(n)):
        raise ShapeError(
            f"A transpose of {n} axes names each once.",
            expected=f"a permutation of {tuple(range(n))}",
            received=str(axes),
        )
    return TensorSpec(tuple(x.shape[a] for a in order), x.dtype)


@op(_transpose)
def transpose(x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order: axis i of the result is axis `axes[i]` of x.

    Args:
        x: A tensor.
        axes: Every axis once; None turns the order round.

    Example:
        >>> ops.transpose(np.zeros((2, 3, 4)), (2, 0, 1)).shape == (4, 2, 3)
        True
    """


@composed
def swapaxes(x: Tensor, a: int, b: int) -> Tensor:
    """Two axes in each other's place.

    Example:
        >>> ops.swapaxes(np.zeros((2, 3, 4)), -1, -2).shape == (2, 4, 3)
        True
    """
    n = len(x.shape)
    a, b = canonical_axis(a, n), canonical_axis(b, n)
    return transpose(x, tuple(b if i == a else a if i == b else i for i in range(n)))


@composed
def moveaxis(x: Tensor, source: int, destination: int) -> Tensor:
    """One axis at another place, the others in their order.

    Example:
        >>> ops.moveaxis(np.zeros((2, 3, 4)), 1, -1).shape == (2, 4, 3)
        True
    """
    n = len(x.shape)
    source, destination = canonical_axis(source, n), canonical_axis(destination, n)
    order = [i for i in range(n) if i != source]
    order.insert(destination, source)
    return transpose(x, tuple(order))


def _expand_dims(x: Any, axis: int) -> TensorSpec:
    before = shape_of(x)
    place = canonical_axis(axis, len(before) + 1)
    return TensorSpec((*before[:place], 1, *before[place:]), x.dtype)


@op(_expand_dims)
def expand_dims(x: Tensor, axis: int) -> Tensor:
    """A new axis of length 1, which is axis `axis` of the result.

    Example:
        >>> ops.expand_dims(np.zeros((2, 3)), -1).shape == (2, 3, 1)
        True
    """


def squeezed(shape: Shape, axis: int | Sequence[int]) -> Shape:
    """The shape without axes of length 1.

    Raises:
        ShapeError: An axis has another length.
    """
    axes = canonical_axes(axis, len(shape))  # type: ignore[arg-type]
    for a in axes:
        if shape[a] not in (1, None):
            raise ShapeError(
                f"Only an axis of length 1 can be dropped, not axis {a}.",
                expected="1",
                received=f"{shape[a]}, in {shape}",
            )
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _squeeze(x: Any, axis: int | Sequence[int]) -> TensorSpec:
    return TensorSpec(squeezed(shape_of(x), axis), x.dtype)


@op(_squeeze)
def squeeze(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    """The tensor without axes of length 1.

    Args:
        x: A tensor.
        axis: Which, one or several; always named, for an axis whose length happens to be 1 must not vanish unasked.

    Raises:
        ShapeError: An axis has another length.

    Example:
        >>> ops.squeeze(np.zeros((2, 1, 3)), 1).shape == (2, 3)
        True
    """


def _one_dtype(xs: Sequence[Any]) -> str:
    if not isinstance(xs, (list, tuple)) or not xs:
        raise ArgumentError("Joining needs a list of at least one tensor.", received=repr(xs)[:80])
    return meeting_dtype(*xs)


def _agree_beside(shapes: list[Any], axis: int | None) -> list[int | None]:
    """The common lengths; they may differ at `axis` only."""
    result: list[int | None] = list(shapes[0])
    for other in shapes[1:]:
        for i in range(len(result)):
            if len(other) != len(result) or (i != axis and None not in (result[i], other[i]) and result[i] != other[i]):
                raise ShapeError(
                    "Tensors are joined only if their other axes agree.",
                    expected=str(tuple(shapes[0])) + (f", any length at axis {axis}" if axis is not None else ""),
                    received=str(tuple(other)),
                )
            if result[i] is None:
                result[i] = other[i]
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
    axis = canonical_axis(axis, len(shape_of(x)))
    rest, count = TensorSpec(x.shape[:axis] + x.shape[axis + 1 :], x.dtype), _known(x, axis, "Unstacking")
    spend_outputs(count, "Unstacking")
    return [rest] * count


def _known(x: Any, axis: int, what: str) -> int:
    n = x.shape[axis]
    if n is None:
        raise ShapeError(
            f"{what} needs to know the length of axis {axis}.",
            received=str(x.shape),
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
        spend_outputs(parts, "A split")
        return [n // parts] * parts
    if min(parts, default=0) < 0 or (n is not None and sum(parts) != n):
        raise ShapeError(
            "The parts of a split make up the axis.", expected=f"lengths that add up to {n}", received=str(list(parts))
        )
    return list(parts)


def _split(x: Any, parts: int | Sequence[int], axis: int) -> list[TensorSpec]:
    axis = canonical_axis(axis, len(shape_of(x)))
    return [TensorSpec((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) for n in part_lengths(x.shape[axis], parts)]


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


def _tile(x: Any, repeats: Sequence[int]) -> TensorSpec:
    before = shape_of(x)
    if len(repeats) != len(before):
        raise ShapeError("tile needs one count for each axis.", expected=f"{len(before)} counts", received=str(repeats))
    return TensorSpec(tuple(None if n is None else n * r for n, r in zip(before, repeats, strict=True)), x.dtype)


@op(_tile)
def tile(x: Tensor, repeats: Sequence[int]) -> Tensor:
    """The whole tensor again and again along each axis: [1, 2] twice is [1, 2, 1, 2].

    Args:
        x: A tensor.
        repeats: A count for each axis.

    Example:
        >>> unidl.to_numpy(ops.tile(np.array([1, 2]), (2,))).tolist()
        [1, 2, 1, 2]
    """


def _repeat(x: Any, count: int, axis: int) -> TensorSpec:
    axis = canonical_axis(axis, len(shape_of(x)))
    return TensorSpec(tuple(n if i != axis or n is None else n * count for i, n in enumerate(x.shape)), x.dtype)


@op(_repeat)
def repeat(x: Tensor, count: int, axis: int) -> Tensor:
    """Each slice along an axis `count` times: [1, 2] twice is [1, 1, 2, 2].

    Example:
        >>> unidl.to_numpy(ops.repeat(np.array([1, 2]), 2, axis=0)).tolist()
        [1, 1, 2, 2]
    """


def _broadcast_to(x: Any, shape: Sequence[Any]) -> TensorSpec:
    target = length.lengths(shape)
    met = broadcast(shape_of(x), target)
    if len(met) != len(target) or any(a != b for a, b in zip(met, target, strict=True) if None not in (a, b)):
        raise ShapeError(
            f"A tensor of shape {shape_of(x)} cannot be broadcast to {target}.", expected=str(target), received=str(met)
        )
    return TensorSpec(target, meeting_dtype(x))


@op(_broadcast_to)
def broadcast_to(x: Tensor, shape: Sequence[Length]) -> Tensor:
    """The tensor repeated along axes of length 1 and new leading axes, to the given shape.

    Args:
        x: A tensor.
        shape: A length for each axis: an integer or a scalar from `ops.shape`.

    Example:
        >>> unidl.to_numpy(ops.broadcast_to(np.array([1, 2]), (2, 2))).tolist()
        [[1, 2], [1, 2]]
    """


def _flip(x: Any, axis: int | Sequence[int]) -> TensorSpec:
    canonical_axes(axis, len(shape_of(x)))  # type: ignore[arg-type]
    return TensorSpec(x.shape, x.dtype)


@op(_flip)
def flip(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    """The order along one or several axes turned round.

    Example:
        >>> unidl.to_numpy(ops.flip(np.array([1, 2, 3]), 0)).tolist()
        [3, 2, 1]
    """


def _roll(x: Any, shift: int, axis: int) -> TensorSpec:
    canonical_axis(axis, len(shape_of(x)))
    return TensorSpec(x.shape, x.dtype)


@op(_roll)
def roll(x: Tensor, shift: int, axis: int) -> Tensor:
    """The elements moved `shift` places towards the end of an axis; what leaves it comes in at the front.

    Example:
        >>> unidl.to_numpy(ops.roll(np.array([1, 2, 3]), 1, 0)).tolist()
        [3, 1, 2]
    """


def check_widths(x: Any, widths: Sequence[Sequence[int]]) -> None:
    """Refuse widths that are no pair for each axis."""
    n = len(x.shape)
    if len(widths) != n or any(isinstance(pair, int) or len(pair) != 2 or min(pair) < 0 for pair in widths):
        raise ShapeError(
            "Padding needs a pair (in front, behind) for each axis, none negative.",
            expected=f"{n} pairs",
            received=str(widths),
        )


def _pad_constant(x: Any, widths: Sequence[Sequence[int]], value: float) -> TensorSpec:
    check_widths(x, widths)
    return TensorSpec(
        tuple(None if n is None else n + low + high for n, (low, high) in zip(x.shape, widths, strict=True)), x.dtype
    )


@op(_pad_constant)
def pad_constant(x: Tensor, widths: Sequence[Sequence[int]], value: float = 0.0) -> Tensor:
    """`pad` with mode "constant".

    Example:
        >>> unidl.to_numpy(ops.pad_constant(np.array([1, 2]), [(1, 0)], 7)).tolist()
        [7, 1, 2]
    """
