"""Ops that keras.ops lacks, or says wrongly, as operations of a functional Keras model.

On a KerasTensor such an op is recorded; its shape and dtype come from the neutral rule. On real tensors it just computes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from unidl.backends import registry
from unidl.backends.keras.engine import ENGINE, keras
from unidl.graph.node import Placeholder, leaves, map_nest
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor
from unidl.ops.op import OPS
from unidl.within import within

_plainly: ContextVar[bool] = ContextVar("unidl_keras_plainly", default=False)


def plainly() -> within[bool]:
    """Inside, an op on KerasTensors is what it calls of keras.ops, and never an operation of unidl's: for files that Keras reads."""
    return within(_plainly, True)


def is_plain() -> bool:
    """Whether a graph of keras.ops alone is being played."""
    return _plainly.get()


class Deferred(keras.Operation):
    """One op, computed when the functional model runs.

    Args:
        op: The neutral op's name.
        function: What computes it on the engine's tensors.
    """

    def __init__(self, op: str, function: Callable[..., Any], name: str | None = None) -> None:
        super().__init__(name=name)
        self.op = op
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute."""
        return self.function(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """KerasTensors of the shapes that the neutral rule gives."""
        args, kwargs = map_nest(_symbolic, (args, kwargs))
        return map_nest(_keras_tensor, OPS[self.op](*args, **kwargs))


def _symbolic(leaf: Any) -> Any:
    if not isinstance(leaf, (keras.KerasTensor, keras.Variable)) and not keras.ops.is_tensor(leaf):
        return leaf
    node = Placeholder()
    dtype = keras.backend.standardize_dtype(leaf.dtype)
    node.outputs = SymbolicTensor(TensorSpec(tuple(leaf.shape), dtype), node)
    return node.outputs


def _keras_tensor(leaf: Any) -> Any:
    return keras.KerasTensor(leaf.shape, leaf.dtype) if isinstance(leaf, SymbolicTensor) else leaf


class Length(keras.Operation):
    """The length of one axis, known when the functional model runs.

    Args:
        axis: Which.
    """

    def __init__(self, axis: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.axis = axis

    def call(self, x: Any) -> Any:
        """An int64 scalar."""
        return keras.ops.convert_to_tensor(keras.ops.shape(x)[self.axis], "int64")

    def compute_output_spec(self, x: Any) -> Any:
        """An int64 scalar."""
        return keras.KerasTensor((), "int64")


def deferred(op: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function that computes an op on the engine's tensors stand on KerasTensors too."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            if not _plainly.get() and any(isinstance(leaf, keras.KerasTensor) for leaf in leaves((args, kwargs))):
                return Deferred(op, function)(*args, **kwargs)
            return function(*args, **kwargs)

        return run

    return wrap


def exact(op: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """keras.ops' function; on the torch engine torch's own, as that backend's table has it.

    There keras.ops computes some ops of 64 bits in 32, leaves out axes that it was asked to keep, and gives torch a kernel of one filter
    whose gradient torch refuses.
    """
    return of_engine(op, function) if ENGINE == "torch" else function


def of_engine(op: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """What the engine's own backend computes, where keras.ops means something else on that engine; its function stands in files."""
    if ENGINE not in registry.entries():
        return function

    def compute(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = map_nest(lambda v: v.value if isinstance(v, keras.Variable) else v, (args, kwargs))
        return registry.load(ENGINE).OPS[op](*args, **kwargs)

    later = deferred(op)(compute)

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return (function if _plainly.get() else later)(*args, **kwargs)

    return run
