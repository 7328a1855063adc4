"""What a rule asks of an op's operands: symbolic tensors, Python numbers and NumPy arrays, in any mix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from unidl.errors import ArgumentError, DtypeError
from unidl.graph.array import holds_floats, is_array
from unidl.graph.shape import broadcast
from unidl.graph.spec import DTYPES, INTEGERS, Shape, TensorSpec, dtype_name, is_float, promote
from unidl.graph.tensor import SymbolicTensor
from unidl.within import within

# Who wants to know which operands elementwise ops were given
_meetings: ContextVar[list[tuple[Any, ...]] | None] = ContextVar("unidl_meetings", default=None)


def meetings() -> within[list[tuple[Any, ...]]]:
    """Inside, the operands of every elementwise op that is recorded are put into the list, those inside composed ops too."""
    return within(_meetings, [])


def shape_of(value: Any) -> Shape:
    """The operand's shape; a Python number has none.

    Raises:
        ArgumentError: It is no operand.
    """
    if isinstance(value, SymbolicTensor):
        return value.shape
    if is_array(value):
        return tuple(value.shape)
    if isinstance(value, (bool, int, float)):
        return ()
    raise _no_operand(value)


def check_operand(value: Any) -> None:
    """Raise an error for what is neither a tensor, a NumPy array nor a Python number.

    Raises:
        ArgumentError: It is none of them, or an integer of more than 64 bits.
        DtypeError: An array of something else than numbers.
    """
    if isinstance(value, SymbolicTensor):
        return
    if is_array(value):
        dtype_name(value.dtype)
    elif not isinstance(value, (bool, int, float)):
        raise _no_operand(value)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ArgumentError(
            "An integer has at most 64 bits.", expected="-2**63 to 2**63 - 1", received=described(value)
        )


def tensor_spec(value: Any) -> TensorSpec:
    """The shape and dtype of a tensor or a NumPy array, for ops that do not take Python numbers.

    Raises:
        ArgumentError: It is something else.
    """
    if isinstance(value, SymbolicTensor):
        return value.spec
    if is_array(value):
        return TensorSpec(tuple(value.shape), dtype_name(value.dtype))
    check_operand(value)
    raise ArgumentError(
        "A tensor is needed, not a Python number.",
        received=described(value),
        fix="ops.tensor(value) makes a tensor of it.",
    )


def described(value: Any) -> str:
    """A value as messages show it, cut where it is long."""
    if value is None:
        return "None"
    if isinstance(value, SymbolicTensor):
        return f"a {value.dtype} tensor of shape {value.shape}"
    if is_array(value):
        return (
            f"a NumPy array of {value.dtype} and shape {value.shape}"
            if value.ndim
            else f"{type(value).__name__}: {value!r}"
        )
    if isinstance(value, int) and abs(value) >= 2**63:
        return f"an integer of {value.bit_length()} bits"
    return f"{type(value).__name__}: {repr(value)[:60]}"


def _no_operand(value: Any) -> ArgumentError:
    return ArgumentError(
        f"A {type(value).__name__} is no operand.",
        expected="a tensor, a Python number or a NumPy array",
        received=repr(value)[:80],
        fix="ops.tensor(value) makes a tensor of nested lists, ops.stack(values) one of several tensors."
        if isinstance(value, (list, tuple))
        else None,
    )


def meeting_dtype(*values: Any) -> str:
    """The dtype in which operands meet; a float array beside a float tensor is as weak as a Python float.

    Raises:
        ArgumentError: One is no operand.
        DtypeError: A Python integer does not fit into the integers in which they meet.
    """
    floats = any(isinstance(v, SymbolicTensor) and is_float(v.dtype) for v in values)
    dtypes: list[str | type] = []
    for value in values:
        if isinstance(value, SymbolicTensor):
            dtypes.append(value.dtype)
        elif is_array(value):
            dtypes.append(float if floats and holds_floats(value) else dtype_name(value.dtype))
        else:
            check_operand(value)
            dtypes.append(next(kind for kind in (bool, int, float) if isinstance(value, kind)))
    result = promote(*dtypes)
    for value in values:
        if isinstance(value, int):
            check_constant(value, result)
    return result


_BOUNDS = {name: np.iinfo(name) for name in INTEGERS}


def check_constant(value: bool | int | float, dtype: str) -> None:
    """Raise an error for a Python number that has no place in a dtype of integers; decimals are cut, as by `ops.cast`.

    Raises:
        DtypeError: It is NaN, infinite or out of range.
    """
    if dtype not in _BOUNDS:
        return
    bounds = _BOUNDS[dtype]
    fits = math.isfinite(value) and bounds.min <= int(value) <= bounds.max
    if not fits:
        raise DtypeError(
            f"{value} does not fit into {dtype}.",
            expected=f"{bounds.min} to {bounds.max}",
            received=described(value),
            fix='A wider dtype, such as ops.cast(x, "int64").' if math.isfinite(value) and dtype != "int64" else None,
        )


def number_in(value: bool | int | float, dtype: str) -> bool | int | float:
    """A Python number as a dtype has it: no framework then rounds it on the way there."""
    return bool(value) if dtype == "bool" else int(value) if dtype in _BOUNDS else float(value)


def rank_of(value: Any) -> int:
    """The number of axes of a tensor, symbolic or of a framework, or of an array.

    Raises:
        ArgumentError: It is none of them.
    """
    return len(value.shape) if hasattr(value, "shape") else len(tensor_spec(value).shape)


def floating(dtype: str) -> str:
    """The dtype in which a function of real numbers computes: integers and bools count as float32."""
    return dtype if is_float(dtype) else "float32"


def no_bool(dtype: str, instead: str = 'ops.logical_and and its like, or ops.cast(x, "int64") first') -> str:
    """The dtype, unless it is bool, on which frameworks disagree what arithmetic means.

    Raises:
        DtypeError: It is bool.
    """
    if dtype == "bool":
        raise DtypeError(
            "Arithmetic on bool means something else in each framework.",
            expected="integers or floats",
            received="bool",
            fix=f"Write {instead}.",
        )
    return dtype


def want(value: Any, dtype: str) -> Any:
    """The operand, if it has that dtype.

    Raises:
        DtypeError: It has another.
    """
    found = meeting_dtype(value)
    if found != dtype:
        raise DtypeError(f"A {dtype} tensor is needed.", expected=dtype, received=found, fix=f'ops.cast(x, "{dtype}")')
    return value


def elementwise(values: tuple[Any, ...], dtype: str) -> TensorSpec:
    """The result of an elementwise op: the broadcast shape."""
    listener = _meetings.get()
    if listener is not None:
        listener.append(values)
    return TensorSpec(broadcast(*(shape_of(value) for value in values)), dtype)


# of two tensors' dtypes, or of a tensor's and the kind of a Python number: a look-up that every compiler can trace
_PAIRS: dict[tuple[str, str | type], str] = {(a, b): promote(a, b) for a in DTYPES for b in (*DTYPES, bool, int, float)}


def common_dtype(strong: Sequence[str], weak: Sequence[type]) -> str:
    """`promote` for a backend at run time.

    Args:
        strong: The tensors' dtypes.
        weak: The kinds of the Python numbers beside.
    """
    if not strong:
        return promote(*weak)
    result = strong[0]
    for dtype in strong[1:]:
        result = _PAIRS[result, dtype]
    for kind in weak:
        result = _PAIRS[result, kind]
    return result


def kind_of(number: Any) -> type:
    """The kind of a Python number: bool, int or float.

    Raises:
        ArgumentError: It is none.
    """
    if isinstance(number, bool):
        return bool
    if isinstance(number, float):
        return float
    if hasattr(number, "__index__"):  # an int, or a length that torch's compiler follows by a symbol
        return int
    raise _no_operand(number)
