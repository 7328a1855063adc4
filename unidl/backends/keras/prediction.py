"""`predict` on the engine TensorFlow: one graph, as keras.Model.predict has one, kept as long as layers and variables are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from unidl.backends.keras.engine import ENGINE, runs_as_python, traced
from unidl.backends.keras.module import Adapter, child_of
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


def _parts(native: Any) -> list[Any]:
    """Every layer that runs, and every variable. Keras does not notice what is put into a list of layers; adapters find it there."""
    layers, variables = list(native._flatten_layers()), list(native.variables)
    known = set(map(id, layers))
    for layer in layers:  # it grows
        if isinstance(layer, Adapter):
            for child in (child_of(layer, key) for key in layer.unidl.children):
                if id(child) not in known:
                    inside = list(child._flatten_layers())
                    known.update(map(id, inside))
                    layers += inside
                    variables += child.variables
    return layers + variables


def predicted(native: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Callable[..., Any]) -> Any:
    """The outputs in inference: of the graph while `predict` runs, else of the call itself."""
    part = native.unidl
    if (
        ENGINE != "tensorflow"
        or not _predicting.get()
        or kwargs
        or part.draws[False]  # counts its steps outside
        or not runs_as_python()
        or getattr(native, "run_eagerly", False)
        or not all(isinstance(leaf, SymbolicTensor) for leaf in leaves(part.plan.calls[0].args))
    ):
        return call(*args, **kwargs)
    if part.predicted is None or not part.predicted.fits(native):
        part.predicted = Predicted(native, call)
    return part.predicted.graph(*args)
