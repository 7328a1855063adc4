"""Every op as an expression of TensorFlow: a template of its arguments, or a function of them."""

from __future__ import annotations

from typing import Any

from unidl.backends.tensorflow.source.control import CONTROL
from unidl.backends.tensorflow.source.windows import WINDOWS
from unidl.codegen.calls import binary, call
from unidl.codegen.code import PRODUCT, UNARY, Code, Value
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
from unidl.codegen.literals import dtype, literal
from unidl.codegen.names import variable
from unidl.graph.spec import is_float


def _bits(name: str) -> Expression:
    def written(g: Given) -> Code:
        def operand(value: Any) -> Any:  # of one dtype, numbers too
            if not hasattr(value, "dtype"):
                return call("tf.constant", value, dtype("tf", g.out.dtype))
            return value if value.dtype == g.out.dtype else g.scope.casted(value, g.out.dtype)

        return call(f"tf.bitwise.{name}", operand(g.x), operand(g.y))

    return written


def _reduction(name: str) -> Expression:
    def written(g: Given) -> Code:
        axes = axes_of(g)
        return call(
            f"tf.{name}", g.x, axis=list(axes) if isinstance(axes, tuple) else axes, keepdims=g.keepdims or None
        )

    return written


def _truth(name: str) -> Expression:
    def written(g: Given) -> Code:
        x = g.x if g.x.dtype == "bool" else g.scope.casted(g.x, "bool")
        return call(f"tf.{name}", x, axis=axes_of(g), keepdims=g.keepdims or None)

    return written


def _dtype(name: str | None) -> Code | None:
    return None if name in (None, "float32") else dtype("tf", name)


def _lengths(shape: Any) -> list[Any]:
    return list(shape) if isinstance(shape, (tuple, list)) else [shape]


def _filled(name: str) -> Expression:
    def written(g: Given) -> Code:
        return call(f"tf.{name}", _lengths(g.shape), dtype=_dtype(g.out.dtype))

    return written


def _full(g: Given) -> Code:
    return call("tf.fill", _lengths(g.shape), call("tf.constant", g.value, dtype("tf", g.out.dtype)))


def _like(name: str) -> Expression:
    def written(g: Given) -> Code:
        return call(f"tf.{name}", g.x, dtype=None if g.out.dtype == g.x.dtype else dtype("tf", g.out.dtype))

    return written


def _arange(g: Given) -> Code:
    start, stop = (0, g.start) if g.stop is None else (g.start, g.stop)
    bounds = [stop] if isinstance(start, int) and start == 0 and g.step == 1 else [start, stop]
    return call("tf.range", *bounds, *([] if g.step == 1 else [g.step]), dtype=dtype("tf", g.out.dtype))


def _drawn(name: str, *parameters: str) -> Expression:
    def written(g: Given) -> Code:
        shape = Code(f"tf.shape({g.like})") if g.shape is None else _lengths(g.shape)
        given = [getattr(g, parameter) for parameter in parameters]
        given = [] if given in ([0.0, 1.0], []) and g.op_name != "random_randint" else given
        return call(f"tf.random.{name}", shape, *given, dtype=_dtype(g.out.dtype))

    return written


def _transpose(g: Given) -> Code:
    rank = len(g.x.shape)
    return call("tf.transpose", g.x, *([] if g.axes is None else [[a % rank for a in g.axes]]))


def _split(g: Given) -> Code:
    return call("tf.split", g.x, g.parts if isinstance(g.parts, int) else list(g.parts), axis=g.axis)


def _pad(g: Given) -> Code:
    return call("tf.pad", g.x, [list(pair) for pair in g.widths], constant_values=g.value or None)


def _clip(g: Given) -> Code:
    if g.low is not None and g.high is not None:
        return call("tf.clip_by_value", g.x, g.low, g.high)
    if g.low is None and g.high is None:
        code: Code = g.x.code
        return code
    return call("tf.maximum", g.x, g.low) if g.high is None else call("tf.minimum", g.x, g.high)


def _dynamic_slice(g: Given) -> Code:
    computed = [s for s in g.starts if isinstance(s, Value)]
    kind = computed[0].dtype if computed else "int32"
    starts = []
    for axis, (start, size, n) in enumerate(zip(g.starts, g.sizes, g.x.shape, strict=True)):
        length = Code(f"tf.shape({g.x}, tf.{kind})[{axis}]") if n is None else Code(str(n))
        last = str(n - size) if n is not None else f"{length} - {size}"
        if isinstance(start, Value):
            starts.append(call("tf.clip_by_value", start, 0, Code(last)))
        elif n is not None or start == 0:
            starts.append(Code(str(min(max(start, 0), n - size) if n is not None else 0)))
        else:
            starts.append(call("tf.minimum", start, Code(last)))
    sizes: Any = list(g.sizes)
    if kind != "int32":
        sizes = call("tf.constant", sizes, dtype("tf", kind))
    return call("tf.slice", g.x, starts, sizes)


def _argsort(g: Given) -> Code:
    direction = "DESCENDING" if g.descending else None
    found = call("tf.argsort", g.x, axis=g.axis, direction=direction, stable=True)
    code: Code = g.scope.language.cast(found, "int64")
    return code


def _sort(g: Given) -> Code:
    return call("tf.sort", g.x, axis=g.axis, direction="DESCENDING" if g.descending else None)


def _position(name: str) -> Expression:
    def written(g: Given) -> Code:
        x = g.x if g.axis is not None else call("tf.reshape", g.x, [-1])
        found = call(f"tf.{name}", x, axis=0 if g.axis is None else g.axis)
        if not g.keepdims:
            return found
        if g.axis is None:
            return call("tf.reshape", found, [1] * len(g.x.shape))
        return call("tf.expand_dims", found, g.axis)

    return written


def _matmul(g: Given) -> Code:
    if 1 not in (len(g.x.shape), len(g.y.shape)):
        return binary(g.x, "@", g.y)
    if len(g.y.shape) == 1 and len(g.x.shape) > 1:
        return call("tf.linalg.matvec", g.x, g.y)
    if len(g.y.shape) == 1:
        return call("tf.tensordot", g.x, g.y, 1)
    return call("tf.einsum", "i,...ij->...j", g.x, g.y)


def _floor_divide(g: Given) -> Code:
    if not is_float(g.out.dtype):
        return call("tf.math.floordiv", g.x, g.y)
    rest = binary(g.x, "-", call("tf.math.floormod", g.x, g.y))  # exact, where the rounded quotient is not
    return call("tf.round", binary(rest, "/", g.y))


def _take_along(g: Given) -> Code:
    rank = len(g.x.shape)
    axis = g.axis % rank
    if axis == rank - 1:
        return call("tf.gather", g.x, whole_indices(g), axis=axis, batch_dims=axis)
    return call("tf.experimental.numpy.take_along_axis", g.x, whole_indices(g), axis=axis)


def _leaky(g: Given) -> Code:
    return call("tf.nn.leaky_relu", g.x, alpha=g.slope)


def _norm(g: Given) -> Code:
    axes = axes_of(g)
    return call("tf.norm", g.x, axis=list(axes) if isinstance(axes, tuple) else axes, keepdims=g.keepdims or None)


def _top_k(g: Given) -> Any:
    values, indices = g.scope.name("largest"), g.scope.name("indices")
    g.scope.say(f"{values}, {indices} = {call('tf.math.top_k', g.x, g.k)}")
    found = [Value(variable(n), s) for n, s in zip((values, indices), g.outputs, strict=True)]
    return [found[0], g.scope.casted(found[1], "int64")]


_ROOT = "abs sign square sqrt exp sin cos tan tanh floor round sigmoid"
_MATH = "rsqrt reciprocal expm1 log log1p ceil erf"

OPS: dict[str, Expression] = {
    **WINDOWS,
    **CONTROL,
    # arithmetic
    "add": operator("+"), "subtract": operator("-"), "multiply": operator("*"), "divide": operator("/"),
    "mod": "tf.math.floormod({x}, {y})", "power": operator("**"), "floor_divide": _floor_divide,
    "negative": lambda g: Code(f"-{g.x.code.within(UNARY)}", UNARY),
    "maximum": "tf.maximum({x}, {y})", "minimum": "tf.minimum({x}, {y})",
    **{name: f"tf.{name}({{x}})" for name in _ROOT.split()}, **{name: f"tf.math.{name}({{x}})" for name in _MATH.split()},
    "stop_gradient": "tf.stop_gradient({x})", "isnan": "tf.math.is_nan({x})", "isinf": "tf.math.is_inf({x})",
    "isfinite": "tf.math.is_finite({x})",
    "clip": _clip, "cast": lambda g: g.scope.casted(g.x, g.dtype).code if g.x.dtype != g.dtype else g.x.code,
    # comparison
    "equal": "tf.equal({x}, {y})", "not_equal": "tf.not_equal({x}, {y})", "less": ordered("<"),
    "less_equal": ordered("<="), "greater": ordered(">"), "greater_equal": ordered(">="),
    "bitwise_and": _bits("bitwise_and"), "bitwise_or": _bits("bitwise_or"),
    "bitwise_xor": _bits("bitwise_xor"), "left_shift": _bits("left_shift"),
    "right_shift": _bits("right_shift"),
    "logical_and": "tf.logical_and({x}, {y})", "logical_or": "tf.logical_or({x}, {y})",
    "logical_xor": "tf.math.logical_xor({x}, {y})", "logical_not": "tf.logical_not({x})",
    "where": "tf.where({condition}, {x}, {y})",
    # activation
    "relu": "tf.nn.relu({x})", "relu6": "tf.nn.relu6({x})",
    "elu": lambda g: call("tf.nn.elu", g.x) if g.alpha == 1 else Code(
        f"tf.where({g.x} > 0, {g.x}, {literal(g.alpha)} * tf.math.expm1(tf.minimum({g.x}, 0)))"),
    "leaky_relu": _leaky, "selu": "tf.nn.selu({x})", "gelu": "tf.nn.gelu({x})",
    "gelu_tanh": "tf.nn.gelu({x}, approximate=True)", "hard_sigmoid": lambda g: Code(f"tf.nn.relu6({g.x} + 3) / 6", PRODUCT),
    "softplus": "tf.nn.softplus({x})", "log_sigmoid": "tf.math.log_sigmoid({x})", "softsign": "tf.nn.softsign({x})",
    "silu": "tf.nn.silu({x})", "softmax": lambda g: call("tf.nn.softmax", g.x, axis=None if g.axis == -1 else g.axis),
    "log_softmax": lambda g: call("tf.nn.log_softmax", g.x, axis=None if g.axis == -1 else g.axis),
    "logsumexp": _reduction("reduce_logsumexp"),
    # reduction
    **{name: _reduction(f"reduce_{name}") for name in ("sum", "mean", "max", "min", "prod")},
    "var": _reduction("math.reduce_variance"), "std": _reduction("math.reduce_std"), "norm": _norm,
    "any": _truth("reduce_any"), "all": _truth("reduce_all"),
    "cumsum": "tf.cumsum({x}, axis={axis})", "cumprod": "tf.math.cumprod({x}, axis={axis})",
    "count_nonzero": _reduction("math.count_nonzero"), "argmax": _position("argmax"), "argmin": _position("argmin"),
    # products
    "matmul": _matmul, "einsum": lambda g: call("tf.einsum", g.equation, *g.operands),
    # creation
    "zeros": _filled("zeros"), "ones": _filled("ones"), "full": _full, "arange": _arange,
    "linspace": lambda g: call("tf.linspace", float(g.start), float(g.stop), g.count),
    "eye": lambda g: call("tf.eye", g.rows, g.columns, dtype=_dtype(g.out.dtype)) if g.columns is not None else call("tf.eye", g.rows, dtype=_dtype(g.out.dtype)),
    "zeros_like": _like("zeros_like"), "ones_like": _like("ones_like"),
    "full_like": lambda g: call("tf.fill", Code(f"tf.shape({g.x})"), call("tf.constant", g.value, dtype("tf", g.out.dtype))),
    "tensor": lambda g: g.value.code if isinstance(g.value, Value) else call("tf.constant", g.value, dtype("tf", g.out.dtype)),
    # random
    "random_uniform": _drawn("uniform", "low", "high"), "random_normal": _drawn("normal", "mean", "stddev"),
    "random_randint": _drawn("uniform", "low", "high"), "random_dropout": "tf.nn.dropout({x}, {rate})",
    "random_permutation": lambda g: call("tf.random.shuffle", call("tf.range", g.count, dtype=dtype("tf", "int64"))),
    # manipulation
    "size": lambda g: inline_size(g, f"tf.size({g.x}, tf.int64)"),
    "reshape": lambda g: call("tf.reshape", g.x, list(reshaped(g))), "transpose": _transpose,
    "expand_dims": "tf.expand_dims({x}, {axis})", "squeeze": lambda g: call("tf.squeeze", g.x, g.axis if isinstance(g.axis, int) else list(g.axis)),
    "concatenate": lambda g: call("tf.concat", list(g.xs), axis=g.axis), "stack": lambda g: call("tf.stack", list(g.xs), axis=g.axis),
    "unstack": "tf.unstack({x}, axis={axis})", "split": _split, "tile": lambda g: call("tf.tile", g.x, list(g.repeats)),
    "repeat": "tf.repeat({x}, {count}, axis={axis})", "broadcast_to": lambda g: call("tf.broadcast_to", g.x, list(g.shape)),
    "flip": lambda g: call("tf.reverse", g.x, [g.axis] if isinstance(g.axis, int) else list(g.axis)), "roll": "tf.roll({x}, {shift}, {axis})",
    "pad_constant": _pad,
    # indexing
    "getitem": lambda g: Code(f"{g.x:a}[{index_text(g.index)}]"), "dynamic_slice": _dynamic_slice,
    "take": lambda g: call("tf.gather", g.x, whole_indices(g), axis=g.axis),
    "take_along_axis": _take_along,
    "one_hot": lambda g: call("tf.one_hot", g.indices, g.classes, axis=class_axis(g), dtype=_dtype(g.out.dtype)),
    # sorting
    "sort": _sort, "argsort": _argsort, "top_k": _top_k,
# control

}  # fmt: skip
