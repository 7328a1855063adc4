"""Every op as an expression of keras.ops: a template of its arguments, or a function of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.backends.keras.ops.arithmetic import broadcasts
from unidl.backends.keras.source.control import CONTROL
from unidl.backends.keras.source.windows import WINDOWS
from unidl.codegen.calls import binary, call
from unidl.codegen.code import UNARY, Code, Value, names_in
from unidl.codegen.expressions import (
    axes_of,
    class_axis,
    index_text,
    inline_size,
    operator,
    ordered,
    reshaped,
    whole_indices,
)
from unidl.codegen.language import Expression, Given
from unidl.codegen.literals import literal
from unidl.graph.spec import is_float


def _add(g: Given) -> Code:
    """`x + y`, unless keras.ops.add on TensorFlow takes y for a bias of another axis."""
    x, y = (tuple(v.shape) if isinstance(v, Value) else np.shape(v) for v in (g.x, g.y))
    if broadcasts(x, y):
        return binary(g.x, "+", g.y)
    if broadcasts(y, x):
        return binary(g.y, "+", g.x)
    return binary(g.x, "-", Code(f"-{g.y:a}", UNARY, names_in(g.y)))


def _reduction(name: str) -> Expression:
    def written(g: Given) -> Code:
        return call(f"ops.{name}", g.x, axis=axes_of(g), keepdims=g.keepdims or None)

    return written


def _truth(name: str) -> Expression:
    def written(g: Given) -> Code:
        x = g.x if g.x.dtype == "bool" else g.scope.casted(g.x, "bool")
        return call(f"ops.{name}", x, axis=axes_of(g), keepdims=g.keepdims or None)

    return written


def _dtype(g: Given) -> str | None:
    dtype = g.out.dtype
    return None if dtype == "float32" else dtype


def _lengths(shape: Any) -> Any:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def _filled(name: str) -> Expression:
    def written(g: Given) -> Code:
        value = (g.value,) if name == "full" else ()
        return call(f"ops.{name}", _lengths(g.shape), *value, dtype=_dtype(g))

    return written


def _like(name: str) -> Expression:
    def written(g: Given) -> Code:
        value = (g.value,) if name == "full_like" else ()
        return call(f"ops.{name}", g.x, *value, dtype=None if g.out.dtype == g.x.dtype else g.out.dtype)

    return written


def _arange(g: Given) -> Code:
    start, stop = (0, g.start) if g.stop is None else (g.start, g.stop)
    bounds = [stop] if isinstance(start, int) and start == 0 and g.step == 1 else [start, stop]
    return call("ops.arange", *bounds, *([] if g.step == 1 else [g.step]), dtype=g.out.dtype)


def _drawn(name: str, *parameters: str) -> Expression:
    def written(g: Given) -> Code:
        shape = Code(f"ops.shape({g.like})") if g.shape is None else _lengths(g.shape)
        given = [getattr(g, parameter) for parameter in parameters]
        given = [] if given in ([0.0, 1.0], []) and g.op_name != "random_randint" else given
        return call(f"keras.random.{name}", shape, *given, dtype=_dtype(g))

    return written


def _transpose(g: Given) -> Code:
    rank = len(g.x.shape)
    axes = None if g.axes is None else tuple(a % rank for a in g.axes)
    return call("ops.transpose", g.x, *([] if axes is None else [axes]))


def _split(g: Given) -> Any:
    if g.parts == 1:
        return [g.x]
    if isinstance(g.parts, int):
        return call("ops.split", g.x, g.parts, axis=g.axis)
    if len(g.parts) == 1:
        return [g.x]
    ends = [sum(g.parts[: i + 1]) for i in range(len(g.parts) - 1)]
    return call("ops.split", g.x, ends, axis=g.axis)


def _pad(g: Given) -> Code:
    pairs = tuple(tuple(pair) for pair in g.widths)
    return call("ops.pad", g.x, pairs, constant_values=g.value or None)


def _clip(g: Given) -> Code:
    if g.low is not None and g.high is not None:
        return call("ops.clip", g.x, g.low, g.high)
    if g.low is None and g.high is None:
        code: Code = g.x.code
        return code
    return call("ops.maximum", g.x, g.low) if g.high is None else call("ops.minimum", g.x, g.high)


def _dynamic_slice(g: Given) -> Code:
    starts = [
        call("ops.clip", start, 0, n - size) if isinstance(start, Value) else min(max(start, 0), n - size)
        for start, size, n in zip(g.starts, g.sizes, g.x.shape, strict=True)
    ]
    if any(isinstance(start, Code) for start in starts):
        packed = call("ops.stack", [s if isinstance(s, Code) else call("ops.array", s, dtype="int64") for s in starts])
    else:
        packed = Code(literal(tuple(starts)))
    return call("ops.slice", g.x, packed, tuple(g.sizes))


def _argsort(g: Given) -> Code:
    if not g.descending:
        return call("ops.argsort", g.x, axis=g.axis)
    negated = Code(f"-{g.x.code.within(UNARY)}", UNARY, g.x.code.names)
    return call("ops.argsort", negated, axis=g.axis)  # stable: the lowest index first at ties


def _sort(g: Given) -> Code:
    if not g.descending:
        return call("ops.sort", g.x, axis=g.axis)
    return call("ops.flip", call("ops.sort", g.x, axis=g.axis), axis=g.axis)


def _bits(name: str) -> Expression:
    def written(g: Given) -> Code:
        def operand(value: Any) -> Any:  # of one dtype, numbers too
            if not hasattr(value, "dtype"):
                return call("ops.convert_to_tensor", value, g.out.dtype)
            return value if value.dtype == g.out.dtype else g.scope.casted(value, g.out.dtype)

        return call(f"ops.{name}", operand(g.x), operand(g.y))

    return written


def _logical(name: str) -> Expression:
    return f"ops.{name}({{x}}, {{y}})"


def _floor_divide(g: Given) -> Code:
    if not is_float(g.out.dtype):
        return call("ops.floor_divide", g.x, g.y)
    rest = binary(g.x, "-", call("ops.mod", g.x, g.y))  # exact, where the rounded quotient is not
    return call("ops.round", binary(rest, "/", g.y))


def _norm(g: Given) -> Code:
    squares = call("ops.sum", call("ops.square", g.x), axis=axes_of(g), keepdims=g.keepdims or None)
    return call("ops.sqrt", squares)


def _count(g: Given) -> Code:
    found = call("ops.not_equal", g.x, 0) if g.x.dtype != "bool" else g.x.code
    return call("ops.sum", call("ops.cast", found, "int64"), axis=axes_of(g), keepdims=g.keepdims or None)


def _top_k(g: Given) -> Any:
    """By a stable order: on some engines ops.top_k has none at ties."""
    negated = Code(f"-{g.x.code.within(UNARY)}", UNARY, g.x.code.names)
    order = call("ops.argsort", negated, axis=-1)
    indices = g.scope.assign("indices", Code(f"{order}[..., :{literal(g.k)}]", names=order.names), g.outputs[1])
    values = call("ops.take_along_axis", g.x, indices, axis=-1)
    return [Value(values, g.outputs[0]), g.scope.casted(indices, "int64")]


OPS: dict[str, Expression] = {
    **WINDOWS,
    **CONTROL,
    # arithmetic
    "add": _add, "subtract": operator("-"), "multiply": operator("*"), "divide": operator("/"),
    "mod": "ops.mod({x}, {y})", "power": operator("**"), "floor_divide": _floor_divide,
    "negative": lambda g: Code(f"-{g.x.code.within(UNARY)}", UNARY),
    "maximum": "ops.maximum({x}, {y})", "minimum": "ops.minimum({x}, {y})",
    **{name: f"ops.{name}({{x}})" for name in ["abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "floor", "ceil", "round", "erf", "isnan", "isinf", "isfinite", "sigmoid", "logical_not", "stop_gradient"]},
    "clip": _clip, "cast": lambda g: g.scope.casted(g.x, g.dtype).code if g.x.dtype != g.dtype else g.x.code,
    # comparison
    "equal": "ops.equal({x}, {y})", "not_equal": "ops.not_equal({x}, {y})", "less": ordered("<"),
    "less_equal": ordered("<="), "greater": ordered(">"), "greater_equal": ordered(">="),
    "bitwise_and": _bits("bitwise_and"), "bitwise_or": _bits("bitwise_or"),
    "bitwise_xor": _bits("bitwise_xor"), "left_shift": _bits("bitwise_left_shift"),
    "right_shift": _bits("bitwise_right_shift"),
    "logical_and": _logical("logical_and"), "logical_or": _logical("logical_or"), "logical_xor": _logical("logical_xor"),
    "where": "ops.where({condition}, {x}, {y})",
    # activation
    "relu": "ops.relu({x})", "relu6": "ops.relu6({x})", "elu": lambda g: call("ops.elu", g.x, alpha=None if g.alpha == 1 else g.alpha),
    "leaky_relu": lambda g: call("ops.leaky_relu", g.x, negative_slope=g.slope),
    "selu": "ops.selu({x})", "gelu": "ops.gelu({x}, approximate=False)", "gelu_tanh": "ops.gelu({x}, approximate=True)",
    "hard_sigmoid": "ops.hard_sigmoid({x})", "hard_silu": "ops.hard_silu({x})", "softplus": "ops.softplus({x})",
    "log_sigmoid": "ops.log_sigmoid({x})", "softsign": "ops.softsign({x})",
    "silu": "ops.silu({x})",
    "softmax": "ops.softmax({x}, axis={axis})", "log_softmax": "ops.log_softmax({x}, axis={axis})",
    "logsumexp": lambda g: call("ops.logsumexp", g.x, axis=axes_of(g), keepdims=g.keepdims or None),
    # reduction
    **{name: _reduction(other) for name, other in (
        ("sum", "sum"), ("mean", "mean"), ("max", "max"), ("min", "min"), ("prod", "prod"), ("var", "var"), ("std", "std"))},
    "any": _truth("any"), "all": _truth("all"), "norm": _norm,
    "cumsum": "ops.cumsum({x}, axis={axis})", "cumprod": "ops.cumprod({x}, axis={axis})",
    "count_nonzero": _count,
    "argmax": lambda g: g.scope.language.cast(call("ops.argmax", g.x, axis=g.axis, keepdims=g.keepdims or None), "int64"),
    "argmin": lambda g: g.scope.language.cast(call("ops.argmin", g.x, axis=g.axis, keepdims=g.keepdims or None), "int64"),
    # products
    "matmul": operator("@"), "einsum": lambda g: call("ops.einsum", g.equation, *g.operands),
    # creation
    "zeros": _filled("zeros"), "ones": _filled("ones"), "full": _filled("full"), "arange": _arange,
    "linspace": lambda g: call("ops.linspace", g.start, g.stop, g.count, dtype=g.out.dtype),
    "eye": lambda g: call("ops.eye", g.rows, g.columns, dtype=_dtype(g)) if g.columns is not None else call("ops.eye", g.rows, dtype=_dtype(g)),
    "zeros_like": _like("zeros_like"), "ones_like": _like("ones_like"), "full_like": _like("full_like"),
    "tensor": lambda g: g.value.code if isinstance(g.value, Value) else call("ops.array", g.value, dtype=g.out.dtype),
    # random
    "random_uniform": _drawn("uniform", "low", "high"), "random_normal": _drawn("normal", "mean", "stddev"),
    "random_randint": _drawn("randint", "low", "high"), "random_dropout": lambda g: call("keras.random.dropout", g.x, g.rate),
    "random_permutation": lambda g: call("keras.random.shuffle", call("ops.arange", g.count, dtype="int64")),
    # manipulation
    "size": lambda g: inline_size(g, f"ops.size({g.x})"),
    "reshape": lambda g: call("ops.reshape", g.x, tuple(reshaped(g))), "transpose": _transpose,
    "expand_dims": "ops.expand_dims({x}, {axis})", "squeeze": lambda g: call("ops.squeeze", g.x, g.axis if isinstance(g.axis, int) else tuple(g.axis)),
    "concatenate": lambda g: call("ops.concatenate", list(g.xs), axis=g.axis), "stack": lambda g: call("ops.stack", list(g.xs), axis=g.axis),
    "unstack": "ops.unstack({x}, axis={axis})", "split": _split, "tile": lambda g: call("ops.tile", g.x, tuple(g.repeats)),
    "repeat": "ops.repeat({x}, {count}, axis={axis})", "broadcast_to": lambda g: call("ops.broadcast_to", g.x, tuple(g.shape)),
    "flip": lambda g: call("ops.flip", g.x, g.axis if isinstance(g.axis, int) else tuple(g.axis)), "roll": "ops.roll({x}, {shift}, axis={axis})",
    "pad_constant": _pad,
    # indexing
    "getitem": lambda g: Code(f"{g.x:a}[{index_text(g.index)}]"), "dynamic_slice": _dynamic_slice,
    "take": lambda g: call("ops.take", g.x, whole_indices(g), axis=g.axis), "take_along_axis": "ops.take_along_axis({x}, {indices}, axis={axis})",
    "one_hot": lambda g: call("ops.one_hot", g.indices, g.classes, axis=class_axis(g), dtype=g.dtype),
    # sorting
    "sort": _sort, "argsort": lambda g: g.scope.language.cast(_argsort(g), "int64"),
    "top_k": _top_k,
# control

}  # fmt: skip
