"""Calls of every op that are probably wrong: a call that is right, with one argument exchanged for each of many odd values.

It walks the table of ops and reads their declarations, so an op that is new is covered by being there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.ops import cases_activation, cases_arithmetic, cases_manipulation, cases_reduction, cases_window
from unidl.backends import registry
from unidl.errors import DataError, IndexOutOfRangeError, UnidlError
from unidl.graph.node import leaves, map_nest
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.ops.op import OPS, Branching, Op, running

FAMILIES = (cases_arithmetic, cases_activation, cases_reduction, cases_manipulation, cases_window)


@dataclass(frozen=True)
class T:
    """A tensor of a framework, or a symbolic one, holding an array."""

    array: np.ndarray

    def __repr__(self) -> str:
        return f"<{self.array.dtype}{list(self.array.shape)}>"


def _t(*shape: int, dtype: str = "float32") -> T:
    return T(np.arange(int(np.prod(shape))).reshape(shape).astype(dtype))


# odd in the place of nearly anything
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, -7, 2**62, 2**63, -(2**70), 0.0, 1.5, -0.5, float("nan"), float("inf"), 1j, "", "text",
    "float32", b"x", (), [], (0,), (0, 0), (-1,), (1, 2), [1, -1], (9,), (2**62, 1), (1.5,), ("a",), (None,), ((0, 1),), ((1, 1), (1, 1)),
    ((-1, 0), (0, 0)), [[1, 2], [3]], {}, {"a": 1}, {1}, object, range(2), slice(None), Ellipsis, np.float32, "int8",
    np.int64(1), np.int64(-1), np.float64(1.5), np.bool_(True), np.str_("a"), np.array(1), np.array([0, 1]), np.array(["a"]),
    np.array([object()]), np.array([1j]), np.array([1], "uint16"), np.datetime64("2020-01-01"), np.zeros((0, 3), "float32"),
    np.ones((2, 3), ">f4"), _t(), _t(0), _t(2), _t(2, 3), _t(3, 2), _t(0, 3), _t(2, 0), _t(1, 1, 1), _t(1, 1, 1, 1, 1, 1),
    _t(dtype="int64"), _t(2, dtype="int64"), _t(2, 3, dtype="int32"), _t(2, 3, dtype="bool"), _t(2, dtype="uint8"),
    _t(2, 3, dtype="float64"), _t(2, dtype="float16"), [_t(2, 3), _t(2, 3)], [_t(2, 3), _t(3, 2)], [_t(2), 1.0], (_t(2, dtype="bool"),),
]  # fmt: skip

# an argument that is right, for an op of which no case is known
BY_ANNOTATION: dict[str, Any] = {
    "Tensor": _t(2, 3), "Tensor | None": None, "int": 1, "int | None": None, "float": 0.5, "float | None": None, "bool": False,
    "str": "float32", "str | None": None, "Lengths": (2, 3), "Lengths | None": (2, 3), "Length": 2, "Sequence[Tensor]": [_t(2, 3), _t(2, 3)],
    "Sequence[Length]": (3, 2), "Sequence[int]": (1, 1), "Axis": None,
}  # fmt: skip
BASES: dict[str, dict[str, Any]] = {
    "philox": {"count": 4, "state": _t(2, dtype="int64"), "stream": 0},
    "eye": {"rows": 2},
    "arange": {"start": 0, "stop": 3, "step": 1},
    "tensor": {"value": [1.5, 2.0]},
    "stop_gradient": {"x": _t(2, 3)},
    "shape": {"x": _t(2, 3)},
    "size": {"x": _t(2, 3)},
    "random_randint": {"shape": (2,), "low": 0, "high": 3},
    "softmax_cross_entropy": {"logits": _t(2, 3), "labels": _t(2, dtype="int64")},
    "mean_squared_error": {"predictions": _t(2, 3), "targets": _t(2, 3)},
}


@dataclass(frozen=True)
class Call:
    """One call, and which argument of it is odd."""

    op: Op
    arguments: dict[str, Any] = field(hash=False)
    odd: str

    def __str__(self) -> str:
        return f"{self.op.name}({', '.join(f'{k}={v!r:.60}' for k, v in self.arguments.items())})"


def base(op: Op) -> dict[str, Any]:
    """Arguments of a call that is right."""
    if op.name in BASES:
        return BASES[op.name]
    case = next((case for family in FAMILIES for case in family.CASES if case.op == op.name), None)
    if case is not None:
        bound = op.signature.bind(*case.args, **case.kwargs)
        return {name: _lifted(value) for name, value in bound.arguments.items()}
    parameters = op.signature.parameters.values()
    return {p.name: BY_ANNOTATION[str(p.annotation)] for p in parameters if p.default is inspect.Parameter.empty}


def _lifted(nest: Any) -> Any:
    def turn(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        return T(leaf.astype("float32") if leaf.dtype == np.float64 else leaf)

    return map_nest(turn, nest)


def calls(op: Op) -> Iterator[Call]:
    """The op's call that is right, and what comes of exchanging each argument for each odd value."""
    right = base(op)
    yield Call(op, right, "")
    for name, parameter in op.signature.parameters.items():
        for value in ODD:
            odd = (value,) if parameter.kind is parameter.VAR_POSITIONAL else value
            yield Call(op, {**right, name: odd}, name)
    for name in right:
        yield Call(op, {k: v for k, v in right.items() if k != name}, name)
    yield Call(op, {**right, "dim": 1}, "dim")


# what takes functions has tests of its own
CHECKED = [op for op in OPS.values() if not isinstance(op, Branching) and op.name != "apply_custom_gradient"]


def _given(call: Call, make: Any) -> tuple[list[Any], dict[str, Any]]:
    arguments = map_nest(lambda leaf: make(leaf.array) if isinstance(leaf, T) else leaf, call.arguments)
    variadic = call.op.variadic
    if variadic is None or variadic not in arguments:
        return [], arguments
    first = [arguments.pop(name) for name in call.op.signature.parameters if name in arguments and name != variadic]
    return [*first, *arguments.pop(variadic)], arguments


@dataclass(frozen=True)
class Refused:
    """A typed error."""

    kind: type
    text: str

    @property
    def of_values(self) -> bool:
        """Whether it is about the elements of a tensor, and not its shape or dtype."""
        return self.kind in (IndexOutOfRangeError, DataError)


def described(call: Call) -> Any:
    """What the call is on symbolic tensors: Refused, or the specs of the result."""

    def symbol(array: np.ndarray) -> SymbolicTensor:
        return placeholder(TensorSpec(array.shape, array.dtype.name))

    args, kwargs = _given(call, symbol)
    if not any(isinstance(leaf, SymbolicTensor) for leaf in leaves((args, kwargs))):
        return None  # it would compute
    try:
        result = call.op(*args, **kwargs)
    except UnidlError as error:
        return Refused(type(error), str(error))
    return [(tuple(t.shape), t.dtype) if isinstance(t, SymbolicTensor) else t for t in leaves(result)]


def computed(call: Call, backend: str) -> Any:
    """What it is on a backend's tensors: Refused, or the arrays of the result."""
    b = registry.load(backend)

    def tensor(array: np.ndarray) -> Any:
        return (
            b.keras.Variable(array, dtype=array.dtype.name, trainable=False) if b.SHARES_TENSORS else b.to_tensor(array)
        )

    args, kwargs = _given(call, tensor)
    try:
        with running(b):
            result = call.op(*args, **kwargs)
    except UnidlError as error:
        return Refused(type(error), str(error))
    return [b.to_numpy(leaf) if hasattr(leaf, "shape") else leaf for leaf in leaves(result)]
