"""What is known of a tensor before a framework runs: its shape and its dtype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl.errors import DtypeError, ShapeError

Shape = tuple[int | None, ...]

MAX_AXES = 64  # NumPy's and torch's limit

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
DTYPES = ("bool", *INTEGERS, *FLOATS)


def dtype_name(dtype: Any) -> str:
    """The name of a dtype given as a name, a NumPy dtype or a framework's own: "float32", "int64", "bool".

    Raises:
        DtypeError: There is no such dtype.
    """
    if isinstance(dtype, str):
        name = dtype
    elif isinstance(dtype, type):
        name = np.dtype(dtype).name
    else:  # np.dtype and tf.DType have a name; torch.dtype prints as torch.float32. No lru_cache: torch's compiler warns of one
        name = getattr(dtype, "name", None) or str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise _no_dtype(dtype)
    return name


def _no_dtype(dtype: Any) -> DtypeError:
    shown = f"{dtype!r:.80}"
    return DtypeError(f"unidl has no dtype {shown}.", expected=", ".join(DTYPES), received=shown)


def is_float(dtype: str) -> bool:
    """Whether the dtype holds real numbers."""
    return dtype in FLOATS


def is_integer(dtype: str) -> bool:
    """Whether the dtype holds integers (bool is none)."""
    return dtype in INTEGERS


@dataclass(frozen=True)
class TensorSpec:
    """Shape and dtype of a tensor; an axis of unknown length is None.

    Args:
        shape: Length of each axis, None where it may vary (as the batch axis does).
        dtype: Name of the dtype.
    """

    shape: Shape
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if len(self.shape) > MAX_AXES:
            raise ShapeError(
                "A tensor has too many axes.", expected=f"at most {MAX_AXES}", received=str(len(self.shape))
            )
        shape = tuple([None if axis is None else int(axis) for axis in self.shape])
        if any(axis is not None and not 0 <= axis < 2**63 for axis in shape):
            raise ShapeError("The length of an axis is from 0 to 2^63 - 1.", received=f"{shape!s:.200}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "dtype", dtype_name(self.dtype))


def promote(*dtypes: str | type) -> str:
    """The dtype in which operands meet.

    Python scalars (given as the types bool, int, float) are weak: they take the tensors' dtype, and lift it only to a higher
    kind (bool < integer < float). An integer or bool tensor beside a float tensor gives the float; two floats or two integers
    give the wider one, float16 beside bfloat16 gives float32.
    """
    names = [d for d in dtypes if isinstance(d, str)]
    kinds = [_kind(d) for d in dtypes]
    kind = max(kinds)
    strong = [n for n in names if _kind(n) == kind]
    if not strong:
        return ("bool", "int64", "float32")[kind]
    result = strong[0]
    for other in strong[1:]:
        result = _wider(result, other)
    return result


def _kind(dtype: str | type) -> int:
    if isinstance(dtype, str):
        return 0 if dtype == "bool" else 1 if is_integer(dtype) else 2
    return {bool: 0, int: 1, float: 2}[dtype]


def _wider(a: str, b: str) -> str:
    if a == b:
        return a
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    if "bfloat16" in (a, b):
        return next(x for x in (a, b) if x != "bfloat16")
    return np.promote_types(a, b).name
