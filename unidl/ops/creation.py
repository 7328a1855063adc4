"""Tensors out of nothing.

`like` is a tensor whose backend and device the result takes and, where `dtype` is None, whose dtype. Without it the backend is
that of the running model, else the one in force. Lengths are integers, or integer scalars such as `ops.shape(x)[0]`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from unidl.errors import ArgumentError, DtypeError
from unidl.graph.array import as_array, is_array
from unidl.graph.length import lengths
from unidl.graph.node import symbols
from unidl.graph.operand import check_constant, described, meeting_dtype, shape_of
from unidl.graph.spec import TensorSpec, dtype_name, is_float
from unidl.graph.tensor import SymbolicTensor
from unidl.ops.op import op

Tensor = Any
Lengths = int | Sequence[Any]


def _dtype(dtype: Any, like: Any, default: str) -> str:
    return dtype_name(dtype) if dtype is not None else meeting_dtype(like) if like is not None else default


def _blank(shape: Any, dtype: Any, like: Any) -> TensorSpec:
    return TensorSpec(lengths(shape), _dtype(dtype, like, "float32"))


def _full(shape: Any, value: Any, dtype: Any, like: Any) -> TensorSpec:
    spec = TensorSpec(lengths(shape), _dtype(dtype, like, meeting_dtype(value)))
    check_constant(value, spec.dtype)
    return spec


def _blank_like(x: Any, dtype: Any) -> TensorSpec:
    return TensorSpec(shape_of(x), _dtype(dtype, x, "float32"))


def _full_like(x: Any, value: Any, dtype: Any) -> TensorSpec:
    spec = _blank_like(x, dtype)
    check_constant(value, spec.dtype)
    return spec


def _arange(start: Any, stop: Any, step: Any, dtype: Any, like: Any) -> TensorSpec:
    bounds = (0, start, step) if stop is None else (start, stop, step)
    for bound in bounds:
        if shape_of(bound) != () or is_array(bound):
            raise ArgumentError("The bounds of a range are numbers or scalar tensors.", received=described(bound))
    kind = _dtype(dtype, like, meeting_dtype(*bounds))
    if kind == "bool":
        raise DtypeError("A range is of numbers.", expected="integers or floats", received="bool")
    if any(isinstance(bound, SymbolicTensor) for bound in bounds):
        return TensorSpec((None,), kind)
    count = range_length(*bounds)
    for end in (bounds[0], bounds[0] + (count - 1) * bounds[2]) if count else ():
        check_constant(end, kind)
    return TensorSpec((count,), kind)


def range_length(start: float, stop: float, step: float) -> int:
    """How many numbers a range has: ceil((stop - start) / step), of floats in float64 as NumPy counts.

    Raises:
        ArgumentError: The step is 0, or a bound is NaN or infinite.
    """
    if step == 0 or not all(map(math.isfinite, (start, stop, step))):
        raise ArgumentError(
            "A range needs finite bounds and a step that is not 0.", received=f"start={start}, stop={stop}, step={step}"
        )
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        return max(-((start - stop) // step), 0)
    count = (stop - start) / step
    if not math.isfinite(count):
        raise ArgumentError(
            "A range with so small a step has no end.", received=f"start={start}, stop={stop}, step={step}"
        )
    return max(math.ceil(count), 0)


def range_bounds(start: Any, stop: Any, step: Any) -> tuple[Any, Any]:
    """Where a range of Python numbers starts and stops; an empty one, which torch and TensorFlow refuse, stops where it starts."""
    start, stop = (0, start) if stop is None else (start, stop)
    known = all(isinstance(bound, (int, float)) for bound in (start, stop, step))
    return start, start if known and (stop - start) * step < 0 else stop


def _linspace(start: float, stop: float, count: int, dtype: Any, like: Any) -> TensorSpec:
    kind = _dtype(dtype, like, "float32")
    if not is_float(kind):
        raise DtypeError("Numbers at equal distances are floats.", expected="a floating dtype", received=kind)
    return TensorSpec(lengths((count,)), kind)


def _eye(rows: Any, columns: Any, dtype: Any, like: Any) -> TensorSpec:
    return TensorSpec(lengths((rows, rows if columns is None else columns)), _dtype(dtype, like, "float32"))


def _tensor(value: Any, dtype: Any, like: Any) -> TensorSpec:
    if isinstance(value, SymbolicTensor):
        return TensorSpec(value.shape, _dtype(dtype, like, value.dtype))
    if next(symbols(value), None) is not None:
        raise ArgumentError("A list of tensors is no tensor.", fix="ops.stack(tensors, axis) makes one of several.")
    array = as_array(value)
    kind = _dtype(dtype, like, dtype_name(array.dtype))
    if not is_array(value):
        for number in (array.max(), array.min()) if array.size else ():
            check_constant(number.item(), kind)
    return TensorSpec(array.shape, kind)


@op(_blank)
def zeros(shape: Lengths, dtype: str | None = None, like: Tensor | None = None) -> Tensor:
    """A tensor of zeros.

    Args:
        shape: Its lengths.
        dtype: float32 by default.
        like: A tensor beside which it will stand.

    Example:
        >>> unidl.to_numpy(ops.zeros((2, 2))).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """


@op(_blank)
def ones(shape: Lengths, dtype: str | None = None, like: Tensor | None = None) -> Tensor:
    """A tensor of ones.

    Args:
        shape: Its lengths.
        dtype: float32 by default.
        like: A tensor beside which it will stand.

    Example:
        >>> unidl.to_numpy(ops.ones(2, dtype="int64")).tolist()
        [1, 1]
    """


@op(_full)
def full(shape: Lengths, value: float, dtype: str | None = None, like: Tensor | None = None) -> Tensor:
    """A tensor of one value.

    Args:
        shape: Its lengths.
        value: A Python number.
        dtype: float32, int64 or bool by default, as the value is.
        like: A tensor beside which it will stand.

    Example:
        >>> unidl.to_numpy(ops.full((2,), 0.5)).tolist()
        [0.5, 0.5]
    """


@op(_arange)
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str | None = None, like: Tensor | None = None) -> Tensor:
    """The numbers from start up to, and without, stop.

    Args:
        start: The first number; with one argument only, it is the stop and the first is 0.
        stop: Where to end.
        step: From one to the next.
        dtype: int64 by default if all three are integers, else float32.
        like: A tensor beside which it will stand.

    Raises:
        ArgumentError: The step is 0.

    Example:
        >>> unidl.to_numpy(ops.arange(1, 4)).tolist()
        [1, 2, 3]
    """


@op(_linspace)
def linspace(start: float, stop: float, count: int, dtype: str | None = None, like: Tensor | None = None) -> Tensor:
    """Numbers at equal distances from start to stop, both included.

    Args:
        start: The first.
        stop: The last.
        count: How many.
        dtype: A float dtype; float32 by default.
        like: A tensor beside which it will stand.

    Example:
        >>> unidl.to_numpy(ops.linspace(0, 1, 3)).tolist()
        [0.0, 0.5, 1.0]
    """


@op(_eye)
def eye(rows: Any, columns: Any = None, dtype: str | None = None, like: Tensor | None = None) -> Tensor:
    """A matrix with ones on the diagonal.

    Args:
        rows: How many rows.
        columns: How many columns; as many as rows by default.
        dtype: float32 by default.
        like: A tensor beside which it will stand.

    Example:
        >>> unidl.to_numpy(ops.eye(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """


@op(_blank_like)
def zeros_like(x: Tensor, dtype: str | None = None) -> Tensor:
    """Zeros of x's shape, device and, unless another is given, dtype.

    Example:
        >>> unidl.to_numpy(ops.zeros_like(np.array([1, 2]))).tolist()
        [0, 0]
    """


@op(_blank_like)
def ones_like(x: Tensor, dtype: str | None = None) -> Tensor:
    """Ones of x's shape, device and, unless another is given, dtype.

    Example:
        >>> unidl.to_numpy(ops.ones_like(np.array([1, 2]))).tolist()
        [1, 1]
    """


@op(_full_like)
def full_like(x: Tensor, value: float, dtype: str | None = None) -> Tensor:
    """One value in x's shape, on its device and, unless another is given, in its dtype.

    Example:
        >>> unidl.to_numpy(ops.full_like(np.array([1, 2]), 7)).tolist()
        [7, 7]
    """


@op(_tensor, takes_arrays=True)  # a float64 array beside a float32 tensor would lose half its digits before it is cast
def tensor(value: Any, dtype: str | None = None, like: Tensor | None = None) -> Tensor:
    """A tensor of an array, a number, or nested lists of numbers.

    Args:
        value: Arrays keep their dtype; Python numbers become float32, int64 or bool. A tensor is converted.
        dtype: Another dtype.
        like: A tensor beside which it will stand.

    Raises:
        ArgumentError: A list of tensors: ops.stack makes one of several.
        DtypeError: It holds something else than numbers, or its rows differ in length.

    Example:
        >>> ops.dtype(ops.tensor([1.5, 2.0]))
        'float32'
    """
