"""`predict` on the engine TensorFlow: one graph, as keras.Model.predict has one, kept as long as layers and variables are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from unidl.backends.keras.engine import ENGINE, runs_as_python, traced
from unidl.graph.node import leaves, map_nest
from unidl.graph.tensor import SymbolicTensor

_predicting: ContextVar[bool] = ContextVar("unidl_keras_predicting", default=False)


@contextmanager
def predicting() -> Iterator[None]:
    """Inside, what a model computes may be traced: it is asked for arrays, again and again."""
    token = _predicting.set(True)
    try:
        yield
    finally:
        _predicting.reset(token)


class Predicted:
    """The graph of a model in inference.

    Args:
        native: The Keras model.
        call: Calls it in inference, on tensors.
    """

    def __init__(self, native: Any, call: Callable[..., Any]) -> None:
        self.parts = _parts(native)
        self.graph = traced(call, map_nest(lambda t: t.spec, native.unidl.plan.calls[0].args), False)

    def fits(self, native: Any) -> bool:
        """Whether the model still has the layers and variables that were traced."""
        now = _parts(native)
        return len(now) == len(self.parts) and all(a is b for a, b in zip(now, self.parts, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(None), ())  # a copy of the model traces its own


def _parts(native: Any) -> list[Any]:
    return [*native._flatten_layers(), *native.variables]


def predicted(native: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Callable[..., Any]) -> Any:
    """The outputs in inference: of the graph while `predict` runs, else of the call itself."""
    part = native.unidl
    inputs = list(leaves(part.plan.calls[0].args))
    if (
        ENGINE != "tensorflow"
        or not _predicting.get()
        or kwargs
        or part.draws[False]  # counts its steps outside
        or not runs_as_python()
        or getattr(native, "run_eagerly", False)
        or not all(isinstance(leaf, SymbolicTensor) for leaf in inputs)
    ):
        return call(*args, **kwargs)
    if part.predicted is None or not part.predicted.fits(native):
        part.predicted = Predicted(native, call)
    return part.predicted.graph(*args)
