"""Arithmetic, element by element.

Operands are tensors, Python numbers and NumPy arrays; shapes broadcast from the last axis. Python numbers take the tensors'
dtype; an integer or bool beside a float gives the float. Functions of real numbers (division, roots, exp, sin, …) take
integers as float32. Arithmetic on bools alone is refused.
"""

from __future__ import annotations

import math
from typing import Any

from unidl.errors import ArgumentError
from unidl.graph.operand import described, elementwise, floating, meeting_dtype, no_bool, shape_of
from unidl.graph.spec import TensorSpec, dtype_name, is_integer
from unidl.graph.tensor import SymbolicTensor
from unidl.ops.op import op
from unidl.ops.undefined import no_power, no_quotient

Tensor = Any
Bound = float
_INSTEAD = 'ops.logical_and and its like, or ops.cast(x, "int64") first'


def _binary(x: Any, y: Any) -> TensorSpec:
    return elementwise((x, y), no_bool(meeting_dtype(x, y), _INSTEAD))


def _real_binary(x: Any, y: Any) -> TensorSpec:
    return elementwise((x, y), floating(meeting_dtype(x, y)))


def _unary(x: Any) -> TensorSpec:
    return TensorSpec(shape_of(x), no_bool(meeting_dtype(x), _INSTEAD))


def _real(x: Any) -> TensorSpec:
    return TensorSpec(shape_of(x), floating(meeting_dtype(x)))


def _clip(x: Any, low: float | None, high: float | None) -> TensorSpec:
    bounds = [bound for bound in (low, high) if bound is not None]
    for bound in bounds:
        if not isinstance(bound, (int, float)):
            raise ArgumentError(
                "The bounds of clip are Python numbers.",
                received=described(bound),
                fix="ops.minimum(ops.maximum(x, low), high) takes tensors."
                if isinstance(bound, SymbolicTensor)
                else None,
            )
        if math.isnan(bound):
            raise ArgumentError("A bound of clip is NaN.", expected="a number, or None for none", received="nan")
    return TensorSpec(shape_of(x), no_bool(meeting_dtype(x, *bounds), _INSTEAD))


def _cast(x: Any, dtype: Any) -> TensorSpec:
    return TensorSpec(shape_of(x), dtype_name(dtype))


def _dtype(x: Any) -> str:
    return x.dtype if isinstance(x, SymbolicTensor) else meeting_dtype(x)


@op(_binary)
def add(x: Tensor, y: Tensor) -> Tensor:
    """The sum x + y, elementwise.

    Example:
        >>> unidl.to_numpy(ops.add(np.array([1.0, 2.0]), 3)).tolist()
        [4.0, 5.0]
    """


@op(_binary)
def subtract(x: Tensor, y: Tensor) -> Tensor:
    """The difference x - y, elementwise.

    Example:
        >>> unidl.to_numpy(ops.subtract(np.array([1.0, 2.0]), 3)).tolist()
        [-2.0, -1.0]
    """


@op(_binary)
def multiply(x: Tensor, y: Tensor) -> Tensor:
    """The product x · y, elementwise.

    Example:
        >>> unidl.to_numpy(ops.multiply(np.array([1.0, 2.0]), 3)).tolist()
        [3.0, 6.0]
    """


@op(_real_binary)
def divide(x: Tensor, y: Tensor) -> Tensor:
    """The quotient x / y, elementwise; integers by integers give float32.

    Example:
        >>> unidl.to_numpy(ops.divide(np.array([1, 2]), 4)).tolist()
        [0.25, 0.5]

    Where the frameworks differ: integers by integers are float64 in TensorFlow, float32 in torch.
    """


def _quotient(x: Any, y: Any) -> TensorSpec:
    spec = _binary(x, y)
    if isinstance(y, int) and y == 0 and is_integer(spec.dtype):
        raise no_quotient()
    return spec


@op(_quotient)
def floor_divide(x: Tensor, y: Tensor) -> Tensor:
    """The whole number of times that y goes into x, rounded towards minus infinity; its gradient is 0.

        floor_divide(x, y) · y + mod(x, y) = x

    Example:
        >>> unidl.to_numpy(ops.floor_divide(np.array([7, -7]), 2)).tolist()
        [3, -4]

    Where the frameworks differ: TensorFlow rounds the rounded quotient, so that 1.0 // 0.1 is 10 there and 9 in Python, NumPy,
    torch and here. Integers by 0: an error on a CPU; on a GPU, where nobody looks, the result is any number.
    """


@op(_quotient)
def mod(x: Tensor, y: Tensor) -> Tensor:
    """What is left when x is divided by y, with the sign of y.

    Example:
        >>> unidl.to_numpy(ops.mod(np.array([7, -7]), 3)).tolist()
        [1, 2]
    """


def _power(x: Any, y: Any) -> TensorSpec:
    spec = _binary(x, y)
    if isinstance(y, int) and y < 0 and is_integer(spec.dtype):
        raise no_power(y)
    return spec


@op(_power)
def power(x: Tensor, y: Tensor) -> Tensor:
    """The power x^y, elementwise. The gradient by x is 0 where y is 0, that by y is 0 where x is 0.

    Example:
        >>> unidl.to_numpy(ops.power(np.array([2.0, 3.0]), 2)).tolist()
        [4.0, 9.0]

    Raises:
        DtypeError: An integer to a negative integer power, on a CPU.
    """


@op(_unary)
def negative(x: Tensor) -> Tensor:
    """The opposite -x.

    Example:
        >>> unidl.to_numpy(ops.negative(np.array([1.0, -2.0]))).tolist()
        [-1.0, 2.0]
    """


@op(_unary)
def abs(x: Tensor) -> Tensor:
    """The magnitude |x|; its gradient at 0 is 0.

    Example:
        >>> unidl.to_numpy(ops.abs(np.array([1.0, -2.0]))).tolist()
        [1.0, 2.0]
    """


@op(_unary)
def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1, as x is negative, zero or positive; its gradient is 0.

    Example:
        >>> unidl.to_numpy(ops.sign(np.array([3.0, 0.0, -2.0]))).tolist()
        [1.0, 0.0, -1.0]
    """


@op(_binary)
def maximum(x: Tensor, y: Tensor) -> Tensor:
    """The larger of x and y, elementwise; NaN if either is. At a tie each gets half the gradient.

    Example:
        >>> unidl.to_numpy(ops.maximum(np.array([1.0, 3.0]), 2)).tolist()
        [2.0, 3.0]

    Where the frameworks differ: at a tie TensorFlow gives all of the gradient to x.
    """


@op(_binary)
def minimum(x: Tensor, y: Tensor) -> Tensor:
    """The smaller of x and y, elementwise; NaN if either is. At a tie each gets half the gradient.

    Example:
        >>> unidl.to_numpy(ops.minimum(np.array([1.0, 3.0]), 2)).tolist()
        [1.0, 2.0]

    Where the frameworks differ: at a tie TensorFlow gives all of the gradient to x.
    """


@op(_unary)
def square(x: Tensor) -> Tensor:
    """The square x².

    Example:
        >>> unidl.to_numpy(ops.square(np.array([1.0, -3.0]))).tolist()
        [1.0, 9.0]
    """


@op(_real)
def sqrt(x: Tensor) -> Tensor:
    """The square root √x; its gradient at 0 is infinite.

    Example:
        >>> unidl.to_numpy(ops.sqrt(np.array([4.0, 9.0]))).tolist()
        [2.0, 3.0]
    """


@op(_real)
def rsqrt(x: Tensor) -> Tensor:
    """The inverse of the square root, 1 / √x.

    Example:
        >>> unidl.to_numpy(ops.rsqrt(np.array([4.0, 16.0]))).tolist()
        [0.5, 0.25]
    """


@op(_real)
def reciprocal(x: Tensor) -> Tensor:
    """The inverse 1 / x.

    Example:
        >>> unidl.to_numpy(ops.reciprocal(np.array([2.0, 4.0]))).tolist()
        [0.5, 0.25]
    """


@op(_real)
def exp(x: Tensor) -> Tensor:
    """The exponential e^x.

    Example:
        >>> unidl.to_numpy(ops.exp(np.array([0.0]))).tolist()
        [1.0]
    """


@op(_real)
def expm1(x: Tensor) -> Tensor:
    """e^x - 1, exact near 0.

    Example:
        >>> unidl.to_numpy(ops.expm1(np.array([0.0]))).tolist()
        [0.0]
    """


@op(_real)
def log(x: Tensor) -> Tensor:
    """The natural logarithm; minus infinity at 0, NaN below.

    Example:
        >>> unidl.to_numpy(ops.log(np.array([1.0]))).tolist()
        [0.0]
    """


@op(_real)
def log1p(x: Tensor) -> Tensor:
    """The natural logarithm of 1 + x, exact near 0.

    Example:
        >>> unidl.to_numpy(ops.log1p(np.array([0.0]))).tolist()
        [0.0]
    """


@op(_real)
def sin(x: Tensor) -> Tensor:
    """The sine of x in radians.

    Example:
        >>> unidl.to_numpy(ops.sin(np.array([0.0]))).tolist()
        [0.0]
    """


@op(_real)
def cos(x: Tensor) -> Tensor:
    """The cosine of x in radians.

    Example:
        >>> unidl.to_numpy(ops.cos(np.array([0.0]))).tolist()
        [1.0]
    """


@op(_real)
def tan(x: Tensor) -> Tensor:
    """The tangent of x in radians.

    Example:
        >>> unidl.to_numpy(ops.tan(np.array([0.0]))).tolist()
        [0.0]
    """


@op(_real)
def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent, between -1 and 1.

    Example:
        >>> unidl.to_numpy(ops.tanh(np.array([0.0]))).tolist()
        [0.0]
    """


@op(_unary)
def floor(x: Tensor) -> Tensor:
    """The largest whole number not above x; its gradient is 0.

    Example:
        >>> unidl.to_numpy(ops.floor(np.array([1.5, -1.5]))).tolist()
        [1.0, -2.0]
    """


@op(_unary)
def ceil(x: Tensor) -> Tensor:
    """The smallest whole number not below x; its gradient is 0.

    Example:
        >>> unidl.to_numpy(ops.ceil(np.array([1.5, -1.5]))).tolist()
        [2.0, -1.0]
    """


@op(_unary)
def round(x: Tensor) -> Tensor:
    """The nearest whole number, the even one at a tie; its gradient is 0.

    Example:
        >>> unidl.to_numpy(ops.round(np.array([0.5, 1.5, 1.6]))).tolist()
        [0.0, 2.0, 2.0]
    """


@op(_real)
def erf(x: Tensor) -> Tensor:
    """The error function, 2/√π ∫₀ˣ exp(-t²) dt.

    Example:
        >>> unidl.to_numpy(ops.erf(np.array([0.0]))).tolist()
        [0.0]
    """


@op(_clip)
def clip(x: Tensor, low: Bound | None = None, high: Bound | None = None) -> Tensor:
    """x held between two bounds; the gradient is 1 within them and on them, 0 outside.

    Args:
        x: Any shape.
        low: Lower bound, a Python number; None for none.
        high: Upper bound, likewise.

    Example:
        >>> unidl.to_numpy(ops.clip(np.array([-1.0, 0.5, 2.0]), 0, 1)).tolist()
        [0.0, 0.5, 1.0]
    """


@op(_cast)
def cast(x: Tensor, dtype: str) -> Tensor:
    """x in another dtype; a float becomes an integer towards zero, and True where it is not 0.

    Args:
        x: Any shape.
        dtype: "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32" or "float64".

    Example:
        >>> unidl.to_numpy(ops.cast(np.array([1.7, -1.7]), "int32")).tolist()
        [1, -1]
    """


@op(_dtype)
def dtype(x: Tensor) -> Any:
    """The name of x's dtype.

    Example:
        >>> ops.dtype(np.array([1, 2]))
        'int64'
    """
