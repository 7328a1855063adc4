"""What one case of an op is, and the steps that every test of cases takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unidl.backends import registry
from unidl.graph.node import Placeholder, leaves, map_nest
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor
from unidl.ops.op import OPS


@dataclass(frozen=True)
class Case:
    """A call of an op, a line of data.

    Args:
        op: Name of the op.
        args: Its positional arguments; NumPy arrays are given as tensors, floating ones in the dtype under test.
        oracle: The same in NumPy, on float64.
        kwargs: Its keyword arguments.
        gradient: Whether to compare gradients: True numerically, or the gradients expected by each floating array (None for one
            that is not compared), of the sum of the result.
        note: What the case is about.
        batched: How many of the arrays, from the first, have a batch axis in front (the others are weights); None for all.
    """

    op: str
    args: tuple[Any, ...]
    oracle: Callable[..., Any]
    kwargs: dict[str, Any] = field(default_factory=dict)
    gradient: bool | list[Any] = True
    note: str = ""
    batched: int | None = None

    def __str__(self) -> str:
        shapes = ",".join("x".join(map(str, a.shape)) or "scalar" for a in self.args if isinstance(a, np.ndarray))
        options = ",".join(f"{k}={v}" for k, v in self.kwargs.items())
        return "-".join(part for part in (self.op, self.note, shapes, options) if part)


def is_real(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def tensors_of(backend: str, case: Case, dtype: str) -> list[Any]:
    """The arguments with tensors in the place of arrays; Keras' own kind of tensor is its variable."""
    b = registry.load(backend)

    def to_tensor(value: Any, dtype: str | None = None) -> Any:
        if not b.SHARES_TENSORS:
            return b.to_tensor(value, dtype)
        return b.keras.Variable(value, dtype=dtype or value.dtype.name, trainable=dtype is not None)

    def turn(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        return to_tensor(value, dtype if is_real(value) else None)

    return map_nest(turn, list(case.args))


def symbols_of(case: Case, dtype: str, batch: bool = False) -> list[Any]:
    """The arguments with symbolic tensors in the place of arrays; `batch` forgets the first axis' length."""

    seen = 0

    def turn(value: Any) -> Any:
        nonlocal seen
        if not isinstance(value, np.ndarray):
            return value
        seen += 1
        forget = batch and value.ndim and (case.batched is None or seen <= case.batched)
        shape = (None, *value.shape[1:]) if forget else value.shape
        node = Placeholder()
        node.outputs = SymbolicTensor(TensorSpec(shape, dtype if is_real(value) else value.dtype.name), node)
        return node.outputs

    return map_nest(turn, list(case.args))


def symbol(shape: tuple[int | None, ...], dtype: str = "float32") -> SymbolicTensor:
    """A symbolic tensor that nothing made."""
    node = Placeholder()
    node.outputs = SymbolicTensor(TensorSpec(shape, dtype), node)
    return node.outputs


def call(case: Case, args: list[Any], backend: str | None = None) -> Any:
    """The call; with a backend by its own table, for Keras' tensors belong to its engine's backend where that is loaded."""
    op = OPS[case.op] if backend is None else registry.load(backend).OPS.get(case.op, OPS[case.op])
    return op(*args, **case.kwargs)


def expected(case: Case) -> list[np.ndarray]:
    """What NumPy computes, in float64."""
    return [np.asarray(leaf) for leaf in leaves(case.oracle(*case.args, **case.kwargs))]


def numeric_gradients(case: Case, weight: np.ndarray, step: float = 1e-6) -> list[np.ndarray | None]:
    """The gradient of Σ weight · result by each floating array, by central differences; None for other arguments."""
    found: list[np.ndarray | None] = []
    for position, value in enumerate(case.args):
        if not is_real(value):
            found.append(None)
            continue
        gradient = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            sides = []
            for direction in (step, -step):
                moved = value.copy()
                moved[index] += direction
                args = [moved if i == position else other for i, other in enumerate(case.args)]
                sides.append(np.sum(weight * np.asarray(case.oracle(*args, **case.kwargs))))
            gradient[index] = (sides[0] - sides[1]) / (2 * step)
        found.append(gradient)
    return found


def gradients(backend: str, case: Case, weight: np.ndarray, dtype: str = "float64") -> list[np.ndarray | None]:
    """The same by the backend."""
    b = registry.load(backend)
    args = tensors_of(backend, case, dtype)
    wanted = [i for i, value in enumerate(case.args) if is_real(value)]
    scale = b.to_tensor(weight, dtype)

    def value(*inputs: Any) -> Any:
        full = list(args)
        for i, tensor in zip(wanted, inputs, strict=True):
            full[i] = tensor
        return OPS["sum"](OPS["multiply"](call(case, full, backend), scale))

    inputs = [args[i] for i in wanted]
    _, found = b.value_and_grad(value, tuple(inputs), {}, inputs)
    by_position = dict(zip(wanted, found, strict=True))
    return [b.to_numpy(by_position[i]) if i in by_position else None for i in range(len(args))]
