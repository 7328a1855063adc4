"""What a rule asks of an op's operands: symbolic tensors, Python numbers and NumPy arrays, in any mix."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from unidl.errors import ArgumentError, DtypeError
from unidl.graph.array import holds_floats, is_array
from unidl.graph.shape import broadcast
from unidl.graph.spec import DTYPES, Shape, TensorSpec, dtype_name, is_float, promote
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


def _no_operand(value: Any) -> ArgumentError:
    return ArgumentError(
        f"A {type(value).__name__} is no operand.",
        expected="a tensor, a Python number or a NumPy array",
        received=repr(value)[:80],
        fix="ops.tensor(value) makes a tensor of nested lists, ops.stack(values) one of several tensors.",
    )


def meeting_dtype(*values: Any) -> str:
    """The dtype in which operands meet; a float array beside a float tensor is as weak as a Python float."""
    floats = any(isinstance(v, SymbolicTensor) and is_float(v.dtype) for v in values)
    dtypes: list[str | type] = []
    for value in values:
        if isinstance(value, SymbolicTensor):
            dtypes.append(value.dtype)
        elif is_array(value):
            dtypes.append(float if floats and holds_floats(value) else dtype_name(value.dtype))
        else:
            shape_of(value)  # refuses what is no operand
            dtypes.append(next(kind for kind in (bool, int, float) if isinstance(value, kind)))
    return promote(*dtypes)


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
