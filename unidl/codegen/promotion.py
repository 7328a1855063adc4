"""In which dtype an op's operands meet, so that the code can say so where the framework would not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.codegen.code import Value
from unidl.graph.node import leaves, map_nest
from unidl.graph.spec import is_float, promote

_NUMBERS = [
    "add",
    "subtract",
    "multiply",
    "floor_divide",
    "mod",
    "power",
    "negative",
    "abs",
    "sign",
    "maximum",
    "minimum",
    "square",
    "clip",
    "matmul",
    "einsum",
    "relu",
    "max",
    "min",
    "argmax",
    "argmin",
    "floor",
    "ceil",
    "round",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "concatenate",
    "stack",
]
_REALS = [
    "divide",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "exp",
    "expm1",
    "log",
    "log1p",
    "sin",
    "cos",
    "tan",
    "tanh",
    "erf",
    "sigmoid",
    "softplus",
    "log_sigmoid",
    "silu",
    "mish",
    "gelu",
    "gelu_tanh",
    "selu",
    "elu",
    "leaky_relu",
    "hard_sigmoid",
    "hard_silu",
    "softsign",
    "relu6",
    "softmax",
    "log_softmax",
    "logsumexp",
    "mean",
    "var",
    "std",
    "norm",
    "isnan",
    "isinf",
    "isfinite",
    "random_dropout",
]
_SUMS = ["sum", "prod", "cumsum", "cumprod"]


def _floating(dtype: str) -> str:
    return dtype if is_float(dtype) else "float32"


_MEETING: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(_NUMBERS, lambda dtype: dtype),
    **dict.fromkeys(_REALS, _floating),
    **dict.fromkeys(_SUMS, lambda dtype: dtype if is_float(dtype) else "int64"),
}


def promoted(name: str, arguments: dict[str, Any], cast: Callable[[Value, str], Value]) -> dict[str, Any]:
    """An op's arguments with every tensor in the dtype in which they meet."""
    if name == "where":
        meeting = promoted("add", {key: arguments[key] for key in ("x", "y")}, cast)
        return {**arguments, **meeting}
    if name not in _MEETING:
        return arguments
    kinds: list[str | type] = []
    tensors = [leaf.dtype for leaf in leaves(arguments) if isinstance(leaf, Value)]
    numbers = [arguments.get(key) for key in ("x", "y") if isinstance(arguments.get(key), (bool, int, float))]
    kinds = [*tensors, *(type(value) for value in numbers)]
    if not tensors:
        return arguments
    dtype = _MEETING[name](promote(*kinds))
    return {
        key: map_nest(lambda v: cast(v, dtype) if isinstance(v, Value) and v.dtype != dtype else v, value)
        for key, value in arguments.items()
    }
