"""Symbolic tensors: what stands for a tensor while a model is described.

A symbolic tensor implements exactly the operators that mean the same in every framework and refuses everything else with the
name of the op that works. So a model that builds is portable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from unidl import habits
from unidl.errors import NotPortableError
from unidl.graph.branch import decide
from unidl.graph.node import Node, Placeholder
from unidl.graph.spec import Shape, TensorSpec, is_float, promote

# Filled by `unidl.ops` when it is imported: operator name -> the op that records it. An arrow from here to there would point up.
OPERATORS: dict[str, Callable[..., SymbolicTensor]] = {}


def _refuse(what: str, instead: str) -> NoReturn:
    raise NotPortableError(
        f"{what} does not mean the same in every framework, so unidl refuses it in a model.", fix=f"Write {instead}."
    )


class SymbolicTensor:
    """A tensor that is not computed yet: a shape, a dtype and the node that will make it.

    Args:
        spec: Its shape and dtype.
        node: What produces it.
    """

    __array_ufunc__ = None  # an ndarray on the left defers to the reflected operator here, which refuses it by name
    __slots__ = ("spec", "unidl_node")

    def __init__(self, spec: TensorSpec, node: Node) -> None:
        self.spec = spec
        self.unidl_node = node

    @property
    def shape(self) -> Shape:
        """Length of each axis, None where it may vary."""
        return self.spec.shape

    @property
    def dtype(self) -> str:
        """Name of the dtype."""
        return self.spec.dtype

    def __repr__(self) -> str:
        return f"<symbolic {self.dtype} tensor of shape {self.shape}>"

    def __getattr__(self, name: str) -> NoReturn:
        if name in habits.TENSOR:
            _refuse(f"A tensor's .{name}", habits.TENSOR[name])
        raise AttributeError(
            f"A symbolic tensor has no attribute {name!r}; it has shape, dtype and the portable operators."
        )

    def __bool__(self) -> bool:
        return decide(self)

    def __iter__(self) -> NoReturn:
        _refuse("A loop over a tensor's first axis", "ops.unstack(x, axis=0)")

    def __len__(self) -> NoReturn:
        _refuse("len() of a tensor", "x.shape[0] or ops.shape(x)[0]")

    def __int__(self) -> NoReturn:
        _refuse("int() of a tensor", 'ops.cast(x, "int64")')

    def __float__(self) -> NoReturn:
        _refuse("float() of a tensor", 'ops.cast(x, "float32")')

    def __index__(self) -> NoReturn:
        _refuse("A tensor as a Python index", "ops.take(x, indices, axis)")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        _refuse("A NumPy function on a tensor", "the function of the same name in unidl.ops")

    def __contains__(self, _: object) -> NoReturn:
        _refuse("`in` on a tensor", "ops.any(ops.equal(x, value))")

    def __setitem__(self, *_: object) -> NoReturn:
        _refuse("Assignment to a part of a tensor", "ops.where(mask, value, x) or ops.concatenate(parts, axis)")

    def __getitem__(self, index: Any) -> SymbolicTensor:
        return OPERATORS["getitem"](self, basic_index(index))

    def __deepcopy__(self, memo: dict[int, Any]) -> SymbolicTensor:
        return self  # never changed; and a long graph behind it must not be walked by recursion

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without the graph behind it, for the same reason: a functional model keeps its graph as a list of steps."""
        node = self.unidl_node
        known = (node.name, node.floating) if isinstance(node, Placeholder) else ()
        return placeholder, (self.spec, *known)

    __hash__ = object.__hash__


def placeholder(spec: TensorSpec, name: str = "input", floating: bool = False) -> SymbolicTensor:
    """An input of a graph: a symbolic tensor that nothing computes."""
    node = Placeholder(name=name, floating=floating)
    made = node.outputs = SymbolicTensor(spec, node)
    return made


def basic_index(index: Any) -> tuple[Any, ...]:
    """The index as a tuple, if it is basic slicing: integers, slices with positive steps, ... and None.

    Raises:
        NotPortableError: It is something else.
    """
    parts = index if isinstance(index, tuple) else (index,)
    for part in parts:
        if isinstance(part, slice):
            bounds = (part.start, part.stop, part.step)
            if any(b is not None and (isinstance(b, bool) or not isinstance(b, (int, np.integer))) for b in bounds):
                _refuse("A slice with bounds that are no integers", "ops.take(x, ops.arange(start, stop), axis)")
            if part.step is not None and part.step <= 0:
                _refuse("A slice with a negative step", "ops.flip(x, axis)")
        elif part is None or part is Ellipsis:
            continue
        elif isinstance(part, bool) or not isinstance(part, (int, np.integer)):
            _refuse(
                "Indexing by a list, an array or a tensor",
                "ops.take(x, indices, axis), ops.take_along_axis(x, indices, axis) or ops.where(mask, x, other)",
            )
    return parts


def _operand(symbol: str, name: str, tensor: SymbolicTensor, other: Any) -> None:
    """Refuse an operand with which the frameworks would not agree on the result."""
    if isinstance(other, (bool, int, float)):
        kind: Any = type(other)
        if promote(tensor.dtype, kind) == tensor.dtype:
            if symbol not in _EQUALITY and tensor.dtype == "bool":
                _refuse(f"`{symbol}` on bool", f"ops.{name}(x, y), or ops.logical_and and its like")
            if symbol == "/" and not is_float(tensor.dtype):
                _refuse("`/` between integers", "ops.divide(x, y)")
            return
        _refuse(f"`{symbol}` between {tensor.dtype} and a Python {kind.__name__}", f"ops.{name}(x, y)")
    if isinstance(other, SymbolicTensor):
        if other.dtype != tensor.dtype:
            _refuse(f"`{symbol}` between {tensor.dtype} and {other.dtype}", f"ops.{name}(x, y)")
        if symbol == "/" and not is_float(tensor.dtype):
            _refuse("`/` between integers", "ops.divide(x, y)")
        if tensor.dtype == "bool" and symbol not in _EQUALITY:
            _refuse(f"`{symbol}` on bool", f"ops.{name}(x, y), or ops.logical_and and its like")
        return
    what = "a NumPy value" if isinstance(other, (np.ndarray, np.generic)) else f"a {type(other).__name__}"
    _refuse(f"`{symbol}` between a tensor and {what}", f"ops.{name}(x, y)")


_EQUALITY = ("==", "!=")  # the only operators that every framework has on bool
_COMPARISONS = (*_EQUALITY, "<", "<=", ">", ">=")
_BINARY = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
_OP_OF = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide", "mod": "mod",
    "pow": "power", "matmul": "matmul", "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal",
    "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
_REFUSED = {
    "and": "ops.logical_and(x, y)", "or": "ops.logical_or(x, y)", "xor": "ops.logical_xor(x, y)",
    "lshift": "ops.multiply(x, 2 ** n)", "rshift": "ops.floor_divide(x, 2 ** n)",
    "divmod": "ops.floor_divide(x, y) and ops.mod(x, y)",
}  # fmt: skip


def _binary(name: str, symbol: str, reflected: bool) -> Callable[[SymbolicTensor, Any], SymbolicTensor]:
    op = _OP_OF[name]

    def operator(self: SymbolicTensor, other: Any) -> SymbolicTensor:
        _operand(symbol, op, self, other)
        return OPERATORS[op](other, self) if reflected else OPERATORS[op](self, other)

    return operator


def _refused(what: str, instead: str) -> Callable[..., NoReturn]:
    def operator(*_: Any) -> NoReturn:
        _refuse(what, instead)

    return operator


for _name, _symbol in _BINARY.items():
    setattr(SymbolicTensor, f"__{_name}__", _binary(_name, _symbol, reflected=False))
    if _symbol not in _COMPARISONS:
        setattr(SymbolicTensor, f"__r{_name}__", _binary(_name, _symbol, reflected=True))
        # torch would change the caller's tensor in place, TensorFlow would not
        setattr(SymbolicTensor, f"__i{_name}__", _refused(f"`{_symbol}=` on a tensor", f"x = x {_symbol} y"))
for _name, _instead in _REFUSED.items():
    for _prefix in ("", "r"):
        setattr(SymbolicTensor, f"__{_prefix}{_name}__", _refused(f"The operator behind __{_name}__", _instead))
setattr(SymbolicTensor, "__neg__", lambda self: OPERATORS["negative"](self))
setattr(SymbolicTensor, "__pos__", lambda self: self)
setattr(SymbolicTensor, "__abs__", _refused("abs() of a tensor", "ops.abs(x)"))
setattr(SymbolicTensor, "__invert__", _refused("`~` on a tensor", "ops.logical_not(x)"))
setattr(SymbolicTensor, "__round__", _refused("round() of a tensor", "ops.round(x)"))
