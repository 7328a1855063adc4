"""Every op as an expression of torch: a template of its arguments, or a function of them."""

from __future__ import annotations

from typing import Any

from unidl.backends.torch.source.control import CONTROL
from unidl.backends.torch.source.windows import WINDOWS
from unidl.codegen.calls import binary, call
from unidl.codegen.channels import moved_axis, moved_items
from unidl.codegen.code import UNARY, Code, Value, names_in
from unidl.codegen.expressions import axes_of, index_text, inline_size, operator, reshaped
from unidl.codegen.language import Expression, Given
from unidl.codegen.literals import dtype, literal


def _dtype(name: str | None) -> Code | None:
    return None if name is None else dtype("torch", name)


def _method(name: str) -> Expression:
    """`x.name()`."""
    return f"{{x:a}}.{name}()"


def _dim(g: Given) -> Any:
    """The axes, all of them by number where they are to be kept."""
    axes, rank = axes_of(g), len(g.x.shape)
    if axes is None or not g.first:
        return tuple(range(rank)) if axes is None and g.keepdims else axes
    return moved_axis(axes, rank) if isinstance(axes, int) else tuple(moved_axis(axis, rank) for axis in axes)


def _reduction(name: str, **more: Any) -> Expression:
    def written(g: Given) -> Code:
        axes = _dim(g)
        return call(f"{g.x:a}.{name}", **{} if axes is None else {"dim": axes}, **more, keepdim=g.keepdims or None)

    return written


def _product(g: Given) -> Code:
    axes = _dim(g)
    code = g.x.code
    if axes is None:
        return Code(f"{code:a}.prod()")
    for axis in sorted((axes,) if isinstance(axes, int) else axes, reverse=True):
        code = call(f"{code:a}.prod", dim=axis, keepdim=g.keepdims or None)
    return code


def _beside(g: Given) -> dict[str, Any]:
    """dtype and device of a new tensor."""
    like = g.arguments.get("like")
    kind = _dtype(g.out.dtype) if g.out.dtype != "float32" else None
    return {"dtype": kind} if like is None else {"dtype": kind, "device": Code(f"{like:a}.device")}


def _lengths(shape: Any) -> Any:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def _filled(name: str) -> Expression:
    def written(g: Given) -> Code:
        value = (g.value,) if name == "full" else ()
        return call(f"torch.{name}", _lengths(g.shape), *value, **_beside(g))

    return written


def _like(name: str) -> Expression:
    def written(g: Given) -> Code:
        value = (g.value,) if name == "full_like" else ()
        return call(f"torch.{name}", g.x, *value, dtype=None if g.dtype is None else _dtype(g.out.dtype))

    return written


def _arange(g: Given) -> Code:
    start, stop = (0, g.start) if g.stop is None else (g.start, g.stop)
    bounds = [stop] if isinstance(start, int) and start == 0 and g.step == 1 else [start, stop]
    return call("torch.arange", *bounds, *([] if g.step == 1 else [g.step]), **_beside(g))


def _uniform(g: Given) -> Code:
    drawn = call("torch.rand_like", g.like) if g.shape is None else call("torch.rand", *_lengths(g.shape), **_beside(g))
    if (g.low, g.high) == (0.0, 1.0):
        return drawn
    return binary(binary(drawn, "*", g.high - g.low), "+", g.low)


def _normal(g: Given) -> Code:
    drawn = (
        call("torch.randn_like", g.like) if g.shape is None else call("torch.randn", *_lengths(g.shape), **_beside(g))
    )
    if (g.mean, g.stddev) == (0.0, 1.0):
        return drawn
    return binary(binary(drawn, "*", g.stddev), "+", g.mean)


def _randint(g: Given) -> Code:
    shape = Code(f"{g.like:a}.shape") if g.shape is None else _lengths(g.shape)
    return call("torch.randint", g.low, g.high, shape, **{**_beside(g), "dtype": _dtype(g.out.dtype)})


def _transpose(g: Given) -> Code:
    rank = len(g.x.shape)
    axes = tuple(reversed(range(rank))) if g.axes is None else tuple(a % rank for a in g.axes)
    moved = [i for i, a in enumerate(axes) if a != i]
    if rank == 2 and moved:
        return Code(f"{g.x:a}.T")
    if len(moved) == 2:
        return call(f"{g.x:a}.transpose", *moved)
    return call(f"{g.x:a}.permute", *axes)


def _reshape(g: Given) -> Code:
    known = g.out.shape
    batch = str(g.shape[0]) if len(known) == 2 and isinstance(g.shape[0], Value) else ""
    if len(g.x.shape) > 2 and None not in g.x.shape[1:] and batch == f"{g.x:a}.shape[0]":
        return call("torch.flatten", g.x, 1)
    return Code(f"{g.x:a}.reshape({', '.join(map(literal, reshaped(g)))})")


def _getitem(g: Given) -> Code:
    index = g.index if isinstance(g.index, tuple) else (g.index,)
    if g.first:
        index = moved_items((*index, *[slice(None)] * (len(g.x.shape) - len(index))))
    return Code(f"{g.x:a}[{index_text(index)}]")


def _squeeze(g: Given) -> Code:
    return call(f"{g.x:a}.squeeze", g.axis if isinstance(g.axis, int) else tuple(g.axis))


def _concatenate(g: Given) -> Code:
    rank = len(g.out.shape)
    axis = g.axis % rank
    if g.first:
        axis = {0: 0, rank - 1: 1}.get(axis, axis + 1)
    return call("torch.cat", list(g.xs), dim=-1 if axis == rank - 1 else axis)


def _split(g: Given) -> Code:
    if isinstance(g.parts, int):
        return call(f"{g.x:a}.chunk", g.parts, dim=g.axis)
    return call(f"{g.x:a}.split", list(g.parts), dim=g.axis)


def _repeat(g: Given) -> Code:
    return call(f"{g.x:a}.repeat_interleave", g.count, dim=g.axis)


def _flip(g: Given) -> Code:
    return call(f"{g.x:a}.flip", g.axis if isinstance(g.axis, int) else tuple(g.axis))


def _pad(g: Given) -> Code:
    pairs = list(moved_items(g.widths) if g.first else g.widths)
    while pairs and tuple(pairs[0]) == (0, 0):
        pairs.pop(0)
    flat = tuple(width for pair in reversed(pairs) for width in pair)
    return call("F.pad", g.x, flat, value=g.value or None) if flat else g.x.code


def _clip(g: Given) -> Code:
    if g.low is not None and g.high is not None:
        return call(f"{g.x:a}.clamp", g.low, g.high)
    return call(f"{g.x:a}.clamp", min=g.low, max=g.high)


def _where(g: Given) -> Code:
    return call("torch.where", g.condition, g.x, g.y)


def _pairwise(name: str, method: str) -> Expression:
    def written(g: Given) -> Code:
        numbers = [v for v in (g.x, g.y) if not isinstance(v, Value)]
        if numbers:
            tensor = g.x if isinstance(g.x, Value) else g.y
            return call(f"{tensor:a}.clamp", **{method: numbers[0]})
        return call(f"torch.{name}", g.x, g.y)

    return written


def _logical(name: str, symbol: str) -> Expression:
    """`x & y`, of truth values."""

    def written(g: Given) -> Code:
        if all(isinstance(v, Value) and v.dtype == "bool" for v in (g.x, g.y)):
            return binary(g.x, symbol, g.y)
        return call(f"torch.logical_{name}", g.x, g.y)

    return written


def _floor_divide(g: Given) -> Code:
    return call("torch.div", g.x, g.y, rounding_mode="floor")


def _take(g: Given) -> Code:
    rank = len(g.x.shape)
    axis = g.axis % rank
    if rank == 2 and axis == 0:
        plain = g.indices.dtype in ("int32", "int64")
        return call("F.embedding", g.indices if plain else g.scope.casted(g.indices, "int64"), g.x)
    if len(g.indices.shape) == 0:
        return Code(f"{g.x:a}[{':, ' * axis}{g.indices}]")
    return Code(f"{g.x:a}[{':, ' * axis}{g.indices}]", names=names_in(g.arguments))


def _take_along(g: Given) -> Code:
    indices = g.indices if g.indices.dtype == "int64" else g.scope.casted(g.indices, "int64")
    return call(f"{g.x:a}.gather", g.axis, indices)


def _one_hot(g: Given) -> Code:
    """By comparison: F.one_hot refuses an index without a class, which is all zeros here."""
    rank = len(g.indices.shape)
    axis = g.axis % (rank + 1)
    numbers = f"torch.arange({literal(g.classes)}, device={g.indices:a}.device)"
    if axis < rank:
        numbers += f".reshape({', '.join(['-1', *['1'] * (rank - axis)])})"
    found = Code(f"({g.indices:a}.unsqueeze({axis if axis < rank else -1}) == {numbers})")
    cast: Code = g.scope.language.cast(found, g.out.dtype)
    return found if g.out.dtype == "bool" else cast


def _dynamic_slice(g: Given) -> Code:
    code = g.x.code
    for axis, (start, size) in enumerate(zip(g.starts, g.sizes, strict=True)):
        if g.x.shape[axis] == size:
            continue
        last = f"{g.x:a}.shape[{axis}] - {size}" if g.x.shape[axis] is None else str(g.x.shape[axis] - size)
        if isinstance(start, Value):
            code = Code(
                f"{code:a}.narrow({axis}, {start:a}.clamp(0, {last}), {size})", names=code.names | names_in(start)
            )
        else:
            begin = (
                f"min({start}, {last})"
                if start and not last.isdigit()
                else str(min(max(start, 0), int(last)) if start else 0)
            )
            code = Code(f"{code:a}.narrow({axis}, {begin}, {size})", names=code.names)
    return code


def _sort(g: Given) -> Code:
    what = "values" if g.op_name == "sort" else "indices"
    return Code(f"{call(f'{g.x:a}.sort', dim=g.axis, descending=g.descending or None, stable=True)}.{what}")


def _softplus(g: Given) -> Code:
    return Code(f"-F.logsigmoid(-{g.x.code.within(UNARY)})", UNARY)  # F.softplus is x itself above 20


def _logsumexp(g: Given) -> Code:
    axes = axes_of(g)
    dim = tuple(range(len(g.x.shape))) if axes is None else axes
    return call("torch.logsumexp", g.x, dim=dim, keepdim=g.keepdims or None)


def _top_k(g: Given) -> Any:
    """A stable sort: torch.topk promises no order at ties."""
    values, indices = g.scope.name("largest"), g.scope.name("indices")
    g.scope.say(f"{values}, {indices} = {g.x:a}.sort(dim=-1, descending=True, stable=True)")
    return [
        Value(Code(f"{n}[..., :{literal(g.k)}]", names=frozenset([n])), s)
        for n, s in zip((values, indices), g.outputs, strict=True)
    ]


OPS: dict[str, Expression] = {
    **WINDOWS,
    **CONTROL,
    # arithmetic
    "add": operator("+"), "subtract": operator("-"), "multiply": operator("*"), "divide": operator("/"),
    "mod": operator("%"), "power": operator("**"), "floor_divide": _floor_divide,
    "negative": lambda g: Code(f"-{g.x.code.within(UNARY)}", UNARY),
    "maximum": _pairwise("maximum", "min"), "minimum": _pairwise("minimum", "max"),
    **{name: f"torch.{name}({{x}})" for name in ["abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "floor", "ceil", "round", "erf", "isnan", "isinf", "isfinite", "sigmoid", "zeros_like", "ones_like"] if not name.endswith("_like")},
    "clip": _clip, "cast": lambda g: g.scope.casted(g.x, g.dtype).code if g.x.dtype != g.dtype else g.x.code,
    # comparison
    "equal": operator("=="), "not_equal": operator("!="), "less": operator("<"), "less_equal": operator("<="),
    "greater": operator(">"), "greater_equal": operator(">="),
    "bitwise_and": "torch.bitwise_and({x}, {y})", "bitwise_or": "torch.bitwise_or({x}, {y})",
    "bitwise_xor": "torch.bitwise_xor({x}, {y})", "left_shift": "torch.bitwise_left_shift({x}, {y})",
    "right_shift": "torch.bitwise_right_shift({x}, {y})",
    "logical_and": _logical("and", "&"), "logical_or": _logical("or", "|"),
    "logical_not": lambda g: Code(f"~{g.x.code.within(UNARY)}", UNARY) if g.x.dtype == "bool" else call("torch.logical_not", g.x),
    "logical_xor": "torch.logical_xor({x}, {y})", "where": _where,
    # activation
    "relu": "F.relu({x})", "relu6": "F.relu6({x})", "elu": lambda g: call("F.elu", g.x, alpha=None if g.alpha == 1 else g.alpha),
    "leaky_relu": lambda g: call("F.leaky_relu", g.x, None if g.slope == 0.01 else g.slope) if g.slope != 0.01 else call("F.leaky_relu", g.x),
    "selu": "F.selu({x})", "gelu": "F.gelu({x})", "gelu_tanh": 'F.gelu({x}, approximate="tanh")',
    "hard_sigmoid": "F.hardsigmoid({x})", "hard_silu": "F.hardswish({x})", "softplus": _softplus,
    "log_sigmoid": "F.logsigmoid({x})", "softsign": "F.softsign({x})", "silu": "F.silu({x})", "mish": "F.mish({x})",
    "softmax": "torch.softmax({x}, dim={axis})", "log_softmax": "torch.log_softmax({x}, dim={axis})", "logsumexp": _logsumexp,
    # reduction
    "sum": _reduction("sum"), "mean": _reduction("mean"), "max": _reduction("amax"), "min": _reduction("amin"),
    "prod": _product, "any": _reduction("any"), "all": _reduction("all"),
    "var": _reduction("var", correction=0), "std": _reduction("std", correction=0),
    "norm": lambda g: call("torch.linalg.vector_norm", g.x, dim=axes_of(g), keepdim=g.keepdims or None),
    "cumsum": "{x:a}.cumsum({axis})", "cumprod": "{x:a}.cumprod({axis})",
    "count_nonzero": lambda g: call(f"({g.x} != 0).sum", **{} if _dim(g) is None else {"dim": _dim(g)}, keepdim=g.keepdims or None),
    "argmax": lambda g: call(f"{g.x:a}.argmax", **{} if g.axis is None else {"dim": g.axis}, keepdim=g.keepdims or None),
    "argmin": lambda g: call(f"{g.x:a}.argmin", **{} if g.axis is None else {"dim": g.axis}, keepdim=g.keepdims or None),
    # products
    "matmul": operator("@"), "einsum": lambda g: call("torch.einsum", g.equation, *g.operands),
    # creation
    "zeros": _filled("zeros"), "ones": _filled("ones"), "full": _filled("full"), "arange": _arange,
    "linspace": lambda g: call("torch.linspace", g.start, g.stop, g.count, **_beside(g)),
    "eye": lambda g: call("torch.eye", g.rows, *([] if g.columns is None else [g.columns]), **_beside(g)),
    "zeros_like": _like("zeros_like"), "ones_like": _like("ones_like"), "full_like": _like("full_like"),
    "tensor": lambda g: g.value.code if isinstance(g.value, Value) else call("torch.tensor", g.value, **_beside(g)),
    # random
    "random_uniform": _uniform, "random_normal": _normal, "random_randint": _randint,
    "random_dropout": lambda g: call("F.dropout", g.x, g.rate),
    "random_permutation": lambda g: call("torch.randperm", g.count, device=None if g.like is None else Code(f"{g.like:a}.device")),
    # manipulation
    "size": lambda g: inline_size(g, f"{g.x:a}.numel()"),
    "reshape": _reshape,
    "transpose": _transpose, "expand_dims": "{x:a}.unsqueeze({axis})", "squeeze": _squeeze,
    "concatenate": _concatenate, "stack": lambda g: call("torch.stack", list(g.xs), dim=g.axis),
    "unstack": "{x:a}.unbind({axis})", "split": _split, "tile": lambda g: call(f"{g.x:a}.repeat", *g.repeats), "repeat": _repeat,
    "broadcast_to": lambda g: call(f"{g.x:a}.expand", *g.shape), "flip": _flip, "roll": "{x:a}.roll({shift}, {axis})",
    "pad_constant": _pad,
    # indexing
    "getitem": _getitem, "dynamic_slice": _dynamic_slice, "take": _take,
    "take_along_axis": _take_along, "one_hot": _one_hot,
    # sorting
    "sort": _sort, "argsort": _sort, "top_k": _top_k,
# control
    "stop_gradient": "{x:a}.detach()",
}  # fmt: skip
