"""Shapes and order: reshaping, joining, splitting, repeating, padding. The elements stay what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.errors import ArgumentError, ShapeError
from unidl.graph import length
from unidl.graph.operand import check_constant, rank_of, tensor_spec
from unidl.graph.shape import canonical_axes, canonical_axis
from unidl.graph.spec import Shape, TensorSpec
from unidl.ops.op import composed, op

Tensor = Any
Tensors = Any  # a list of tensors
Length = Any  # an integer, or a scalar integer tensor
Lengths = Any  # a tuple of such


def _shape(x: Any) -> Any:
    return tuple(TensorSpec((), "int64") if n is None else n for n in tensor_spec(x).shape)


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


@op(lambda x, shape: TensorSpec(length.reshaped(x, shape), tensor_spec(x).dtype))
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
    spec = tensor_spec(x)
    n = len(spec.shape)
    order = tuple(reversed(range(n))) if axes is None else tuple(canonical_axis(a, n) for a in axes)
    if sorted(order) != list(range(n)):
        raise ShapeError(
            f"A transpose of {n} axes names each once.",
            expected=f"a permutation of {tuple(range(n))}",
            received=str(axes),
        )
    return TensorSpec(tuple(spec.shape[a] for a in order), spec.dtype)


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
    n = rank_of(x)
    a, b = canonical_axis(a, n), canonical_axis(b, n)
    return transpose(x, tuple(b if i == a else a if i == b else i for i in range(n)))


@composed
def moveaxis(x: Tensor, source: int, destination: int) -> Tensor:
    """One axis at another place, the others in their order.

    Example:
        >>> ops.moveaxis(np.zeros((2, 3, 4)), 1, -1).shape == (2, 4, 3)
        True
    """
    n = rank_of(x)
    source, destination = canonical_axis(source, n), canonical_axis(destination, n)
    order = [i for i in range(n) if i != source]
    order.insert(destination, source)
    return transpose(x, tuple(order))


def _expand_dims(x: Any, axis: int) -> TensorSpec:
    spec = tensor_spec(x)
    place = canonical_axis(axis, len(spec.shape) + 1)
    return TensorSpec((*spec.shape[:place], 1, *spec.shape[place:]), spec.dtype)


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
            raise not_one(a, f"{shape[a]}, in {shape}")
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def not_one(axis: int, received: object) -> ShapeError:
    """The one error for an axis of another length than 1 that is to be dropped."""
    return ShapeError(
        f"Only an axis of length 1 can be dropped, not axis {axis}.", expected="1", received=str(received)
    )


def _squeeze(x: Any, axis: int | Sequence[int]) -> TensorSpec:
    spec = tensor_spec(x)
    return TensorSpec(squeezed(spec.shape, axis), spec.dtype)


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


def _tile(x: Any, repeats: Sequence[int]) -> TensorSpec:
    spec = tensor_spec(x)
    before = spec.shape
    if len(repeats) != len(before):
        raise ShapeError("tile needs one count for each axis.", expected=f"{len(before)} counts", received=str(repeats))
    check_counts(*repeats)
    return TensorSpec(tuple(None if n is None else n * r for n, r in zip(before, repeats, strict=True)), spec.dtype)


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
    spec = tensor_spec(x)
    axis = canonical_axis(axis, len(spec.shape))
    check_counts(count)
    return TensorSpec(tuple(n if i != axis or n is None else n * count for i, n in enumerate(spec.shape)), spec.dtype)


def check_counts(*counts: int) -> None:
    """Raise an error for a negative number of repetitions.

    Raises:
        ArgumentError: One is negative.
    """
    if min(counts, default=0) < 0:
        raise ArgumentError(
            "Nothing is repeated a negative number of times.", expected="counts from 0", received=str(min(counts))
        )


@op(_repeat)
def repeat(x: Tensor, count: int, axis: int) -> Tensor:
    """Each slice along an axis `count` times: [1, 2] twice is [1, 1, 2, 2].

    Example:
        >>> unidl.to_numpy(ops.repeat(np.array([1, 2]), 2, axis=0)).tolist()
        [1, 1, 2, 2]
    """


def _broadcast_to(x: Any, shape: Sequence[Any]) -> TensorSpec:
    target, spec = length.lengths(length.several(shape, "A shape")), tensor_spec(x)
    fits = len(target) >= len(spec.shape) and all(
        a in (1, b, None) or b is None for a, b in zip(reversed(spec.shape), reversed(target), strict=False)
    )
    if not fits:
        raise ShapeError(
            f"A tensor of shape {spec.shape} cannot be broadcast to {target}.",
            expected="equal lengths, or 1 in the tensor, at each axis counted from the last",
            received=f"{spec.shape} and {target}",
        )
    return TensorSpec(target, spec.dtype)


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
    spec = tensor_spec(x)
    canonical_axes(axis, len(spec.shape))  # type: ignore[arg-type]
    return spec


@op(_flip)
def flip(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    """The order along one or several axes turned round.

    Example:
        >>> unidl.to_numpy(ops.flip(np.array([1, 2, 3]), 0)).tolist()
        [3, 2, 1]
    """


def _roll(x: Any, shift: int, axis: int) -> TensorSpec:
    spec = tensor_spec(x)
    canonical_axis(axis, len(spec.shape))
    return spec


@op(_roll)
def roll(x: Tensor, shift: int, axis: int) -> Tensor:
    """The elements moved `shift` places towards the end of an axis; what leaves it comes in at the front.

    Example:
        >>> unidl.to_numpy(ops.roll(np.array([1, 2, 3]), 1, 0)).tolist()
        [3, 1, 2]
    """


def check_widths(x: Any, widths: Sequence[Sequence[int]]) -> None:
    """Raise an error for widths that are no pair for each axis."""
    n = rank_of(x)
    if len(widths) != n or any(isinstance(pair, int) or len(pair) != 2 or min(pair) < 0 for pair in widths):
        raise ShapeError(
            "Padding needs a pair (in front, behind) for each axis, none negative.",
            expected=f"{n} pairs",
            received=str(widths),
        )


def _pad_constant(x: Any, widths: Sequence[Sequence[int]], value: float) -> TensorSpec:
    spec = tensor_spec(x)
    check_widths(x, widths)
    check_constant(value, spec.dtype)
    return TensorSpec(
        tuple(None if n is None else n + low + high for n, (low, high) in zip(spec.shape, widths, strict=True)),
        spec.dtype,
    )


@op(_pad_constant)
def pad_constant(x: Tensor, widths: Sequence[Sequence[int]], value: float = 0.0) -> Tensor:
    """`pad` with mode "constant".

    Example:
        >>> unidl.to_numpy(ops.pad_constant(np.array([1, 2]), [(1, 0)], 7)).tolist()
        [7, 1, 2]
    """
