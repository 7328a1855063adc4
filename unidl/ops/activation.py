"""Activations: the functions between layers. Integers count as float32. Most are composed; that body is what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl import habits
from unidl.errors import ArgumentError
from unidl.graph.operand import floating, meeting_dtype, no_bool, shape_of
from unidl.graph.shape import Axis, canonical_axis, reduce
from unidl.graph.spec import TensorSpec, dtype_name, is_integer
from unidl.ops.arithmetic import abs as absolute
from unidl.ops.arithmetic import add, cast, clip, divide, erf, expm1, multiply, negative, square, tanh
from unidl.ops.comparison import greater, where
from unidl.ops.op import composed, op

Tensor = Any

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946
_SQRT_HALF = 0.70710678118654752440  # √½
_SQRT_2_BY_PI = 0.79788456080286535588  # √(2/π)


def _real(x: Any) -> TensorSpec:
    return TensorSpec(shape_of(x), floating(meeting_dtype(x)))


def _same(x: Any) -> TensorSpec:
    return TensorSpec(shape_of(x), no_bool(meeting_dtype(x), 'ops.cast(x, "float32") first'))


def _along(x: Any, axis: int) -> TensorSpec:
    canonical_axis(axis, len(shape_of(x)))
    return _real(x)


def _reduced(x: Any, axis: Axis, keepdims: bool) -> TensorSpec:
    return TensorSpec(reduce(shape_of(x), axis, keepdims), floating(meeting_dtype(x)))


def _as_float(x: Tensor) -> Tensor:
    """Integers as float32, before a step that would overflow in them (-x of unsigned ones, |-128|, x²)."""
    return cast(x, "float32") if hasattr(x, "dtype") and is_integer(dtype_name(x.dtype)) else x


@op(_same)
def relu(x: Tensor) -> Tensor:
    """max(x, 0); its gradient at 0 is 0.

    Example:
        >>> unidl.to_numpy(ops.relu(np.array([-1.0, 2.0]))).tolist()
        [0.0, 2.0]
    """


@op(_real)
def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6); its gradient at 0 and at 6 is 0.

    Example:
        >>> unidl.to_numpy(ops.relu6(np.array([-1.0, 2.0, 9.0]))).tolist()
        [0.0, 2.0, 6.0]
    """


@composed
def leaky_relu(x: Tensor, slope: float = 0.01) -> Tensor:
    """x where x > 0, else slope · x; its gradient at 0 is the slope.

    Args:
        x: Any shape.
        slope: Of the negative side.

    Example:
        >>> unidl.to_numpy(ops.leaky_relu(np.array([-1.0, 2.0]), slope=0.5)).tolist()
        [-0.5, 2.0]

    Where the frameworks differ: the slope is 0.3 in Keras' layer, 0.2 in TensorFlow's function, 0.01 in torch and here.
    """
    return where(greater(x, 0), x, multiply(x, slope))


@composed
def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha · (e^x - 1); its gradient at 0 is alpha.

    Args:
        x: Any shape.
        alpha: The limit at minus infinity, with its sign turned.

    Example:
        >>> unidl.to_numpy(ops.elu(np.array([0.0, 2.0]))).tolist()
        [0.0, 2.0]
    """
    # the exponent is held at 0, so that the branch not taken cannot overflow into the gradient
    return where(greater(x, 0), x, multiply(expm1(clip(x, high=0)), alpha))


@composed
def selu(x: Tensor) -> Tensor:
    """The self-normalising scale · elu(x, alpha), scale = 1.0507…, alpha = 1.6732….

    Example:
        >>> unidl.to_numpy(ops.selu(np.array([0.0]))).tolist()
        [0.0]

    References: Klambauer et al. (2017), Self-Normalizing Neural Networks, arXiv:1706.02515.
    """
    return multiply(elu(x, _SELU_ALPHA), _SELU_SCALE)


@composed
def gelu(x: Tensor) -> Tensor:
    """x · Φ(x), Φ the normal distribution function, exactly: ½ x (1 + erf(x / √2)).

    Example:
        >>> unidl.to_numpy(ops.gelu(np.array([0.0]))).tolist()
        [0.0]

    Where the frameworks differ: keras.ops.gelu means the tanh form by default, keras.activations.gelu this one.
    """
    return multiply(multiply(x, 0.5), add(erf(multiply(x, _SQRT_HALF)), 1.0))


@composed
def gelu_tanh(x: Tensor) -> Tensor:
    """Nearly gelu, with tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Example:
        >>> unidl.to_numpy(ops.gelu_tanh(np.array([0.0]))).tolist()
        [0.0]
    """
    x = _as_float(x)
    inner = multiply(multiply(x, add(multiply(square(x), 0.044715), 1.0)), _SQRT_2_BY_PI)
    return multiply(multiply(x, 0.5), add(tanh(inner), 1.0))


@op(_real)
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x).

    Example:
        >>> unidl.to_numpy(ops.sigmoid(np.array([0.0]))).tolist()
        [0.5]
    """


@composed
def hard_sigmoid(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6.

    Example:
        >>> unidl.to_numpy(ops.hard_sigmoid(np.array([-3.0, 0.0, 3.0]))).tolist()
        [0.0, 0.5, 1.0]

    Where the frameworks differ: Keras 2 meant clip(0.2 x + 0.5, 0, 1).
    """
    return divide(relu6(add(x, 3.0)), 6.0)


@op(_real)
def softplus(x: Tensor) -> Tensor:
    """ln(1 + e^x), without overflow.

    Example:
        >>> unidl.to_numpy(ops.softplus(np.array([1000.0]))).tolist()
        [1000.0]

    Where the frameworks differ: torch's own is x itself above 20.
    """


@composed
def log_sigmoid(x: Tensor) -> Tensor:
    """ln(sigmoid(x)) = -softplus(-x).

    Example:
        >>> unidl.to_numpy(ops.log_sigmoid(np.array([-1000.0]))).tolist()
        [-1000.0]
    """
    return negative(softplus(negative(_as_float(x))))


@composed
def softsign(x: Tensor) -> Tensor:
    """x / (1 + |x|).

    Example:
        >>> unidl.to_numpy(ops.softsign(np.array([-1.0, 1.0]))).tolist()
        [-0.5, 0.5]
    """
    x = _as_float(x)
    return divide(x, add(absolute(x), 1.0))


@composed
def silu(x: Tensor) -> Tensor:
    """x · sigmoid(x), also known as swish.

    Example:
        >>> unidl.to_numpy(ops.silu(np.array([0.0]))).tolist()
        [0.0]
    """
    return multiply(x, sigmoid(x))


@composed
def hard_silu(x: Tensor) -> Tensor:
    """x · hard_sigmoid(x), also known as hard swish.

    Example:
        >>> unidl.to_numpy(ops.hard_silu(np.array([0.0, 3.0]))).tolist()
        [0.0, 3.0]
    """
    return multiply(x, hard_sigmoid(x))


@composed
def mish(x: Tensor) -> Tensor:
    """x · tanh(softplus(x)).

    Example:
        >>> unidl.to_numpy(ops.mish(np.array([0.0]))).tolist()
        [0.0]

    References: Misra (2019), Mish, arXiv:1908.08681.
    """
    return multiply(x, tanh(softplus(x)))


@op(_along)
def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """e^x / Σ e^x over an axis: positive, and its sum is 1.

    Args:
        x: At least one axis.
        axis: Over which the sum is 1.

    Raises:
        ShapeError: There is no such axis.

    Example:
        >>> unidl.to_numpy(ops.softmax(np.array([1.0, 1.0]))).tolist()
        [0.5, 0.5]
    """


@op(_along)
def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """ln(softmax(x)), without loss where softmax is nearly 0.

    Args:
        x: At least one axis.
        axis: Over which softmax sums to 1.

    Raises:
        ShapeError: There is no such axis.

    Example:
        >>> unidl.to_numpy(ops.log_softmax(np.array([-1000.0, 0.0]))).tolist()
        [-1000.0, 0.0]
    """


@op(_reduced)
def logsumexp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """ln Σ e^x over axes, without overflow.

    Args:
        x: Any shape.
        axis: One axis, several, or None for all.
        keepdims: Whether the reduced axes stay, with length 1.

    Raises:
        ShapeError: There is no such axis.

    Example:
        >>> unidl.to_numpy(ops.logsumexp(np.array([1000.0, -1000.0]))).tolist()
        1000.0
    """


def identity(x: Tensor) -> Tensor:
    """x itself: the linear activation.

    Example:
        >>> ops.identity(3.0)
        3.0
    """
    return x


# by name, as `layers.Dense(8, activation="relu")` takes them
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "elu": elu, "gelu": gelu, "gelu_tanh": gelu_tanh, "hard_sigmoid": hard_sigmoid, "hard_silu": hard_silu,
    "identity": identity, "leaky_relu": leaky_relu, "log_sigmoid": log_sigmoid, "log_softmax": log_softmax, "mish": mish,
    "relu": relu, "relu6": relu6, "selu": selu, "sigmoid": sigmoid, "silu": silu, "softmax": softmax, "softplus": softplus,
    "softsign": softsign, "tanh": tanh,
}  # fmt: skip


def get_activation(which: str | Callable[[Tensor], Tensor] | None) -> Callable[[Tensor], Tensor]:
    """The activation of a name; None is the identity, and a function is itself.

    Args:
        which: A name ("relu"), a function of one tensor (ops.relu), or None.

    Raises:
        ArgumentError: There is no activation of that name.

    Example:
        >>> from unidl.ops import get_activation
        >>> get_activation("swish")
        <op silu>
    """
    if which is None:
        return identity
    if callable(which) and not isinstance(which, type):
        return which
    if not isinstance(which, str):
        raise ArgumentError(
            "An activation is a name, a function of one tensor, or None.",
            received=f"{type(which).__name__}: {which!r:.100}",
            fix=f"{which.__name__} is a class; call it: {which.__name__}(…)." if isinstance(which, type) else None,
        )
    name = which.lower().replace("-", "_")
    name = habits.ACTIVATIONS.get(name, name)
    if name not in ACTIVATIONS:
        raise habits.no_such(
            "activation", "activations", which, habits.ACTIVATIONS, ACTIVATIONS, "or a function of one tensor"
        )
    return ACTIVATIONS[name]
