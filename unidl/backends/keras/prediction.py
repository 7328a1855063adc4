"""`predict` on the engine TensorFlow: one graph, as keras.Model.predict has one, kept as long as layers and variables are the same."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from operator import is_
from typing import Any

from unidl.backends.keras.engine import ENGINE, flat, keras, runs_as_python, traced, without_gradient
from unidl.backends.keras.module import Adapter, attribute_name
from unidl.graph.node import leaves, pack
from unidl.graph.tensor import SymbolicTensor

_predicting: ContextVar[bool] = ContextVar("unidl_keras_predicting", default=False)


class predicting:  # noqa: N801  # used as `with predicting()`; entering a generator would cost each prediction more
    """Inside, what a model computes may be traced: it is asked for arrays, again and again. No graph for gradients is kept."""

    def __enter__(self) -> None:
        self._token, self._without = _predicting.set(True), without_gradient()
        self._without.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._without.__exit__(*error)
        _predicting.reset(self._token)


class Predicted:
    """The graph of a model in inference.

    Args:
        native: The Keras model.
        call: Calls it in inference, on tensors.
    """

    def __init__(self, native: Any, call: Callable[..., Any]) -> None:
        nest = native.unidl.plan.calls[0].args
        graph = traced(lambda *tensors: call(*pack(nest, tensors)), tuple([t.spec for t in leaves(nest)]), False)
        self.run = flat(graph)
        # where the layers and variables that it holds stand: dicts (a layer's attributes, or a user's) with name and value; lists
        self._named: list[tuple[dict[Any, Any], Any, Any]] = []
        self._listed: list[tuple[list[Any], list[Any]]] = []
        layers, known = [native], {id(native)}
        for layer in layers:  # it grows
            new = [inner for inner in self._look(layer) if id(inner) not in known]
            known.update(map(id, new))
            layers += new

    def _look(self, layer: Any) -> list[Any]:
        """Note where a layer holds variables and sublayers; the sublayers."""
        found: list[Any] = []
        waiting: list[Any] = [vars(layer), *[getattr(layer, name) for name in _KEPT]]
        if isinstance(
            layer, Adapter
        ):  # Keras does not notice what is put into a list of the user's; the adapter finds it
            waiting += [vars(layer).get(attribute_name(name)) for name in layer.unidl.plan.structure]
        for holder in waiting:  # it grows
            if isinstance(holder, dict):
                held = [item for item in holder.items() if isinstance(item[1], _HELD)]
                self._named += [(holder, name, value) for name, value in held]
                items = [value for _, value in held] if holder is waiting[0] else list(holder.values())
            else:
                items = list(holder) if isinstance(holder, (list, tuple)) else []
            if isinstance(holder, list):
                self._listed.append((holder, items))
            found += [item for item in items if isinstance(item, keras.layers.Layer)]
            waiting += [item for item in items if isinstance(item, (list, tuple, dict))]
        return found

    def fits(self) -> bool:
        """Whether the model still has the layers and variables that were traced."""
        for holder, name, value in self._named:
            if holder.get(name) is not value:
                return False
        return all(len(now) == len(then) and all(map(is_, now, then)) for now, then in self._listed)


_KEPT = ("_layers", "_trainable_variables", "_non_trainable_variables")  # Keras' own lists
_HELD = (keras.layers.Layer, keras.Variable)


def predicted(native: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Callable[..., Any]) -> Any:
    """The outputs in inference: of the graph while `predict` runs, else of the call itself."""
    part = native.unidl
    graph: Predicted | None = part.predicted
    if not _predicting.get() or kwargs or not runs_as_python() or getattr(native, "run_eagerly", False):
        return call(*args, **kwargs)
    if graph is None or not graph.fits():
        if (
            ENGINE != "tensorflow"
            or part.draws[False]  # counts its steps outside
            or not all(isinstance(leaf, SymbolicTensor) for leaf in leaves(part.plan.calls[0].args))
        ):
            return call(*args)
        graph = part.predicted = Predicted(native, call)
    return graph.run(*leaves(args))
