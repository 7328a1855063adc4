"""How many floating-point operations a call takes: counted from its symbolic trace, op by op, the same on every backend.

A multiply-add is two. An operation on each element is one for each element of the result, whatever its kernel costs: `exp` is one.
What moves, compares or chooses numbers, and what counts in integers, is none. Where an op has no count, the sum says so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from unidl.description.plan import Call
from unidl.errors import NotPortableError
from unidl.graph.branch import answered
from unidl.graph.node import LayerCall, Node, OpCall, ancestors, leaves, map_nest, now, symbols
from unidl.graph.shape import split_equation
from unidl.graph.spec import is_float
from unidl.graph.stand_in import spec_of, stand_ins
from unidl.ops.control import split_custom

# one for each element of the result
EACH = frozenset((
    "add", "subtract", "multiply", "divide", "floor_divide", "mod", "power", "negative", "abs", "sign", "maximum",
    "minimum", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh",
    "floor", "ceil", "round", "erf", "clip", "relu", "relu6", "sigmoid", "softplus",
))  # fmt: skip
# so many for each element of the input
OF_INPUT = {"mean": 1, "var": 4, "std": 4, "norm": 2, "cumsum": 1, "cumprod": 1, "softmax": 5, "log_softmax": 5, "logsumexp": 4}  # fmt: skip
# n inputs become one with n - 1 of them
REDUCING = frozenset(("sum", "prod", "max", "min"))
# they move, compare, choose, or work on integers and their bits
NONE = frozenset((
    "cast", "dtype", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "equal", "not_equal",
    "less", "less_equal", "greater", "greater_equal", "isnan", "isinf", "isfinite", "logical_and", "logical_or",
    "logical_xor", "logical_not", "where", "zeros", "ones", "full", "arange", "linspace", "eye", "zeros_like",
    "ones_like", "full_like", "tensor", "shape", "reshape", "transpose", "expand_dims", "squeeze", "concatenate",
    "stack", "unstack", "split", "tile", "repeat", "broadcast_to", "flip", "roll", "pad_constant", "sort", "argsort",
    "top_k", "any", "all", "count_nonzero", "argmax", "argmin", "stop_gradient", "getitem", "dynamic_slice", "take",
    "take_along_axis", "one_hot",
))  # fmt: skip
# op -> why it has no count
UNCOUNTED = {
    "while_loop": "how often it goes round is known when it has run",
    "random_uniform": "each framework draws in its own way",
    "random_normal": "each framework draws in its own way",
    "random_randint": "each framework draws in its own way",
    "random_permutation": "each framework draws in its own way",
}


class Count:
    """Floating-point operations by op, and the ops that have no count."""

    def __init__(self) -> None:
        self.by_op: Counter[str] = Counter()
        self.uncounted: set[str] = set()

    @property
    def total(self) -> int | None:
        """All of them; None where an op has no count."""
        return None if self.uncounted else sum(self.by_op.values())

    def add(self, other: Count, times: int = 1) -> None:
        """Take in another count."""
        for name, number in other.by_op.items():
            self.by_op[name] += number * times
        self.uncounted |= other.uncounted


def count(call: Call) -> Count:
    """What a traced call takes, layers inside it included; all lengths are to be known."""
    with answered(_unknown):
        return _counted(call.steps)


def _counted(nodes: list[Node]) -> Count:
    total = Count()
    for node in nodes:
        if isinstance(node, LayerCall):
            total.add(_counted(node.call.steps))
        elif isinstance(node, OpCall):
            total.add(_of_op(node))
    return total


def _unknown(tensor: Any) -> bool:
    raise NotPortableError("A branch on a tensor inside an op's own function has no count.")


def _of_op(node: OpCall) -> Count:
    name, found = node.op.name, Count()
    if name in NONE:
        return found
    if name in UNCOUNTED:
        found.uncounted.add(name)
        return found
    bound = node.op.signature.bind(*node.args, **node.kwargs)
    bound.apply_defaults()
    try:
        if name in INSIDE:
            return INSIDE[name](bound.arguments)
        if name not in TABLE:
            if node.op.composed:
                return _inside(lambda: node.op.function(*node.args, **node.kwargs))
            found.uncounted.add(name)
            return found
        if any(is_float(t.dtype) for t in symbols(node.outputs)):
            found.by_op[name] = TABLE[name](bound.arguments, node.outputs)
    except _UnknownLengthError:
        found.uncounted.add(name)
    return found


# -- one op ------------------------------------------------------------------------------------------------------------------

Rule = Callable[[dict[str, Any], Any], int]


class _UnknownLengthError(Exception):
    """An axis has no known length, so nothing can be counted."""


def size(tensor: Any) -> int:
    """The number of elements."""
    shape = spec_of(tensor).shape
    if None in shape:
        raise _UnknownLengthError
    return math.prod(axis for axis in shape if axis is not None)


def _of_input(each: int) -> Rule:
    return lambda arguments, result: each * size(arguments["x"])


def _reduced(arguments: dict[str, Any], result: Any) -> int:
    return size(arguments["x"]) - size(result)


def _matmul(arguments: dict[str, Any], result: Any) -> int:
    return 2 * size(result) * int(spec_of(arguments["x"]).shape[-1] or 0)


def _conv(arguments: dict[str, Any], result: Any) -> int:
    return 2 * size(result) * math.prod(spec_of(arguments["kernel"]).shape[:-1])  # type: ignore[arg-type]


def _conv_transpose(arguments: dict[str, Any], result: Any) -> int:
    return 2 * size(arguments["x"]) * math.prod(spec_of(arguments["kernel"]).shape[:-1])  # type: ignore[arg-type]


def _einsum(arguments: dict[str, Any], result: Any) -> int:
    """Every combination of the letters' lengths: a product of the operands, and an addition where something is summed over."""
    terms, kept = split_equation(arguments["equation"])
    lengths: dict[str, int] = {}
    rest = 1
    for term, operand in zip(terms, arguments["operands"], strict=True):
        before, dots, after = term.partition("...")
        shape = spec_of(operand).shape
        size(operand)
        named = [*zip(before, shape, strict=False), *zip(reversed(after), reversed(shape), strict=False)]
        lengths.update({letter: axis for letter, axis in named if axis is not None})
        if dots:
            rest = max(rest, math.prod(shape[len(before) : len(shape) - len(after)]))  # type: ignore[arg-type]
    summed = bool(lengths.keys() - set(kept))
    return rest * math.prod(lengths.values()) * (len(terms) - 1 + summed)


def _window(arguments: dict[str, Any]) -> int:
    length = arguments["size"]
    return length ** (len(spec_of(arguments["x"]).shape) - 2) if isinstance(length, int) else math.prod(length)


TABLE: dict[str, Rule] = {
    **dict.fromkeys(EACH, lambda arguments, result: size(result)),
    **{name: _of_input(each) for name, each in OF_INPUT.items()},
    **dict.fromkeys(REDUCING, _reduced),
    "matmul": _matmul,
    "einsum": _einsum,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": lambda arguments, result: size(result) * (_window(arguments) - 1),
    "average_pool": lambda arguments, result: size(result) * _window(arguments),
}


# -- ops with functions, and composed ones -----------------------------------------------------------------------------------


def _inside(function: Callable[[], Any]) -> Count:
    """What a function of symbolic tensors takes; what was computed before it is no part of it."""
    since = now()
    return _counted([node for node in ancestors(function()) if node.order > since])


def _scan(arguments: dict[str, Any]) -> Count:
    first = next(iter(leaves(arguments["xs"])))
    axis = arguments["axis"]
    length = spec_of(first).shape[axis]
    if length is None:
        raise _UnknownLengthError
    one = map_nest(lambda x: _without(spec_of(x), axis), arguments["xs"])
    total = Count()
    total.add(_inside(lambda: arguments["step"](stand_ins(arguments["initial"]), stand_ins(one))), length)
    return total


def _without(spec: Any, axis: int) -> Any:
    shape = list(spec.shape)
    del shape[axis]
    return type(spec)(tuple(shape), spec.dtype)


def _cond(arguments: dict[str, Any]) -> Count:
    """The branch that takes more."""
    given = tuple(arguments["operands"])
    both = [_branch(arguments[name], given) for name in ("true_fn", "false_fn")]
    larger = max(both, key=lambda found: sum(found.by_op.values()))
    larger.uncounted |= both[0].uncounted | both[1].uncounted
    return larger


def _branch(function: Callable[..., Any], operands: tuple[Any, ...]) -> Count:
    return _inside(lambda: function(*stand_ins(operands)))


def _custom(arguments: dict[str, Any]) -> Count:
    given = stand_ins(arguments["inputs"])
    return _inside(lambda: split_custom(arguments["function"](*given))[0])


INSIDE: dict[str, Callable[[dict[str, Any]], Count]] = {"scan": _scan, "cond": _cond, "apply_custom_gradient": _custom}


def known() -> Iterator[str]:
    """The ops that have a count, or a reason for none."""
    yield from (*NONE, *UNCOUNTED, *TABLE, *INSIDE)
