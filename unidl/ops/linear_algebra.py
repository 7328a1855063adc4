"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from string import ascii_letters
from typing import Any

from unidl.errors import ArgumentError, ShapeError
from unidl.graph.operand import meeting_dtype, no_bool, rank_of, shape_of
from unidl.graph.shape import canonical_axis
from unidl.graph.shape import einsum as einsum_shape
from unidl.graph.shape import matmul as matmul_shape
from unidl.graph.spec import TensorSpec
from unidl.ops.op import composed, op

Tensor = Any
_INSTEAD = 'ops.cast(x, "float32") first'


def _matmul(x: Any, y: Any) -> TensorSpec:
    return TensorSpec(matmul_shape(shape_of(x), shape_of(y)), no_bool(meeting_dtype(x, y), _INSTEAD))


def _einsum(equation: str, *operands: Any) -> TensorSpec:
    shape = einsum_shape(equation, [shape_of(operand) for operand in operands])
    return TensorSpec(shape, no_bool(meeting_dtype(*operands), _INSTEAD))


@op(_matmul)
def matmul(x: Tensor, y: Tensor) -> Tensor:
    """The matrix product over the last two axes; the axes before broadcast.

        z[..., i, j] = Σ_k x[..., i, k] · y[..., k, j]

    A vector (k,) stands for one row on the left and one column on the right; that axis is left out of the result.

    Args:
        x: (..., n, k)
        y: (..., k, m)

    Raises:
        ShapeError: A scalar, or inner lengths that differ.

    Example:
        >>> unidl.to_numpy(ops.matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))).tolist()
        [[11.0]]
    """


@op(_einsum)
def einsum(equation: str, *operands: Tensor) -> Tensor:
    """An Einstein sum: letters name axes, those missing after the arrow are summed over, `...` stands for axes that broadcast.

    Args:
        equation: "bik,bkj->bij"; the arrow is needed, and a letter stands once in a term.
        *operands: One tensor for each term.

    Raises:
        ArgumentError: The equation cannot be read, or is for another number of operands.
        ShapeError: An operand does not fit its term.

    Example:
        >>> unidl.to_numpy(ops.einsum("i,i->", np.array([1.0, 2.0]), np.array([3.0, 4.0]))).tolist()
        11.0
    """


@composed
def dot(x: Tensor, y: Tensor) -> Tensor:
    """The inner product Σ x · y of two vectors.

    Args:
        x: (n,)
        y: (n,)

    Raises:
        ShapeError: They are no vectors of one length.

    Example:
        >>> unidl.to_numpy(ops.dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))).tolist()
        11.0
    """
    _vectors("dot", x, y)
    return einsum("i,i->", x, y)


@composed
def outer(x: Tensor, y: Tensor) -> Tensor:
    """All products of two vectors' elements: z[i, j] = x[i] · y[j].

    Args:
        x: (n,)
        y: (m,)

    Raises:
        ShapeError: They are no vectors.

    Example:
        >>> unidl.to_numpy(ops.outer(np.array([1.0, 2.0]), np.array([3.0, 4.0]))).tolist()
        [[3.0, 4.0], [6.0, 8.0]]
    """
    _vectors("outer", x, y)
    return einsum("i,j->ij", x, y)


@composed
def tensordot(x: Tensor, y: Tensor, axes: int | tuple[tuple[int, ...], tuple[int, ...]] = 2) -> Tensor:
    """The sum of products over paired axes; the axes left over are x's, then y's.

    Args:
        x: Any shape.
        y: Any shape.
        axes: How many of x's last axes meet y's first, or the two lists of axes that meet.

    Raises:
        ArgumentError: The two lists differ in length.
        ShapeError: There is no such axis, or lengths differ.

    Example:
        >>> unidl.to_numpy(ops.tensordot(np.ones((2, 3, 4)), np.ones((3, 4, 5)), axes=2)).shape
        (2, 5)
    """
    ranks = (rank_of(x), rank_of(y))
    if isinstance(axes, int):
        if not 0 <= axes <= min(ranks):
            raise ShapeError(
                "ops.tensordot pairs more axes than there are.", expected=f"at most {min(ranks)}", received=str(axes)
            )
        pairs = [(ranks[0] - axes + i, i) for i in range(axes)]
    else:
        if len(axes) != 2:
            raise ArgumentError("ops.tensordot pairs two lists of axes.", received=str(axes))
        left, right = axes
        if len(left) != len(right):
            raise ArgumentError("ops.tensordot pairs axes one to one.", received=f"{len(left)} and {len(right)} axes")
        pairs = [(canonical_axis(a, ranks[0]), canonical_axis(b, ranks[1])) for a, b in zip(left, right, strict=True)]
    of_x = list(ascii_letters[: ranks[0]])
    of_y = list(ascii_letters[ranks[0] : ranks[0] + ranks[1]])
    for a, b in pairs:
        of_y[b] = of_x[a]
    kept = [letter for letter in (*of_x, *of_y) if (letter in of_x) != (letter in of_y)]
    return einsum(f"{''.join(of_x)},{''.join(of_y)}->{''.join(kept)}", x, y)


def _vectors(name: str, x: Tensor, y: Tensor) -> None:
    if (rank_of(x), rank_of(y)) != (1, 1):
        raise ShapeError(
            f"ops.{name} takes two vectors.",
            expected="(n,) and (m,)",
            received=f"{tuple(x.shape)} and {tuple(y.shape)}",
            fix="ops.matmul(x, y) for matrices, ops.sum(ops.multiply(x, y), axis) along an axis.",
        )
