"""Order: sorting and the largest elements. Equal elements keep their order, so the lowest index comes first; indices are int64."""

from __future__ import annotations

from typing import Any

from unidl.errors import DtypeError, ShapeError
from unidl.graph.operand import tensor_spec
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import TensorSpec
from unidl.ops.op import op

Tensor = Any
Tensors = Any  # a tuple of tensors


def _sort(x: Any, axis: int, descending: bool) -> TensorSpec:
    spec = tensor_spec(x)
    if spec.dtype == "bool":
        raise DtypeError("Sorting is of numbers.", received="bool", fix='ops.cast(x, "int32")')
    canonical_axis(axis, len(spec.shape))
    return spec


def _argsort(x: Any, axis: int, descending: bool) -> TensorSpec:
    return TensorSpec(_sort(x, axis, descending).shape, "int64")


@op(_sort)
def sort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    """The elements in order along an axis.

    Args:
        x: Numbers; NaN counts as the largest.
        axis: Along which.
        descending: The largest first.

    Example:
        >>> unidl.to_numpy(ops.sort(np.array([3, 1, 2]))).tolist()
        [1, 2, 3]
    """


@op(_argsort)
def argsort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    """The indices that put an axis in order; of equal elements the lowest index first, in either direction.

    Args:
        x: Numbers; NaN counts as the largest.
        axis: Along which.
        descending: The largest first.

    Example:
        >>> unidl.to_numpy(ops.argsort(np.array([1, 2, 1]))).tolist()
        [0, 2, 1]
    """


def _top_k(x: Any, k: int) -> tuple[TensorSpec, TensorSpec]:
    spec = _sort(x, -1, True)
    before, dtype = spec.shape, spec.dtype
    if k < 1 or (before[-1] is not None and k > before[-1]):
        raise ShapeError(
            "top_k takes at most as many as the last axis has.", expected=f"1 to {before[-1]}", received=str(k)
        )
    return TensorSpec((*before[:-1], k), dtype), TensorSpec((*before[:-1], k), "int64")


@op(_top_k)
def top_k(x: Tensor, k: int) -> Tensors:
    """The k largest elements of the last axis, the largest first, and their indices; at ties the lowest index first.

    Args:
        x: Numbers; NaN counts as the largest.
        k: How many.

    Raises:
        ShapeError: The axis has fewer.

    Example:
        >>> values, indices = ops.top_k(np.array([1.0, 3.0, 3.0]), 2)
        >>> unidl.to_numpy(indices).tolist()
        [1, 2]

    Where the frameworks differ: torch.topk promises no order at ties; here it is a stable sort.
    """
