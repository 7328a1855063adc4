"""Functions given to an op (branches, loop bodies, gradients) run once on stand-ins, to learn what they return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.errors import ArgumentError, DtypeError, ShapeError
from unidl.graph.array import as_array
from unidl.graph.node import leaves, map_nest, pack
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder


def spec_of(leaf: Any) -> TensorSpec:
    """The spec of a symbolic tensor, a spec, an array or a Python number."""
    if isinstance(leaf, TensorSpec):
        return leaf
    if isinstance(leaf, SymbolicTensor):
        return leaf.spec
    array = as_array(leaf)
    return TensorSpec(array.shape, array.dtype.name)


def stand_ins(nest: Any) -> Any:
    """A fresh symbolic tensor for each leaf of a nest of tensors, specs, arrays and numbers."""
    return map_nest(lambda leaf: placeholder(spec_of(leaf)), nest)


def specs_returned(function: Callable[..., Any], operands: tuple[Any, ...], what: str) -> Any:
    """The nest of specs that a function returns for operands like these.

    Args:
        function: Called with one stand-in for each operand, nests as they are.
        operands: Tensors, specs, arrays or numbers, nested.
        what: Its role, for messages: "the body".

    Raises:
        ArgumentError: It returns something that is no tensor or number.
    """
    result = function(*stand_ins(operands))

    def spec(leaf: Any) -> TensorSpec:
        if leaf is None or isinstance(leaf, str) or callable(leaf):
            raise ArgumentError(
                f"{what} returned a {type(leaf).__name__}.", expected="tensors, or lists, tuples and dicts of tensors"
            )
        return spec_of(leaf)

    return map_nest(spec, result)


def agree(a: Any, b: Any, what: str, other: str) -> Any:
    """The common nest of specs of two nests; an axis unknown in either is unknown.

    Raises:
        ArgumentError: Their structures differ.
        ShapeError: The shapes of two tensors differ.
        DtypeError: The dtypes of two tensors differ.
    """
    _same_structure(a, b, what, other)
    pairs = zip(leaves(a), leaves(b), strict=True)
    return pack(a, [_meet(x, y, what, other) for x, y in pairs])


def _same_structure(a: Any, b: Any, what: str, other: str) -> None:
    shape_a, shape_b = (map_nest(lambda _: "tensor", nest) for nest in (a, b))
    if shape_a != shape_b:
        raise ArgumentError(
            f"{what} and {other} differ in structure.", expected=f"{other}: {shape_b}", received=f"{what}: {shape_a}"
        )


def _meet(a: TensorSpec, b: TensorSpec, what: str, other: str) -> TensorSpec:
    if a.dtype != b.dtype:
        raise DtypeError(
            f"{what} and {other} differ in dtype.",
            expected=f"{other}: {b.dtype}",
            received=f"{what}: {a.dtype}",
            fix=f'ops.cast(x, "{b.dtype}") in {what}.',
        )
    same = len(a.shape) == len(b.shape) and all(m == n or None in (m, n) for m, n in zip(a.shape, b.shape, strict=True))
    if not same:
        raise ShapeError(
            f"{what} and {other} differ in shape.", expected=f"{other}: {b.shape}", received=f"{what}: {a.shape}"
        )
    shape = tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True))
    return TensorSpec(shape, a.dtype)


def is_scalar_bool(nest: Any, what: str) -> None:
    """Refuse a condition that is no scalar bool.

    Raises:
        ArgumentError: It is a nest.
        ShapeError: It has axes.
        DtypeError: It is not bool.
    """
    if not isinstance(nest, TensorSpec):
        raise ArgumentError(f"{what} must be one tensor.", received=type(nest).__name__)
    if nest.shape != ():
        raise ShapeError(
            f"{what} must be a scalar.", expected="()", received=str(nest.shape), fix="ops.any(x) or ops.all(x)."
        )
    if nest.dtype != "bool":
        raise DtypeError(f"{what} must be bool.", received=nest.dtype, fix="Compare: x > 0.")
