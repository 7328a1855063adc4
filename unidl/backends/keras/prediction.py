"""`predict` on the engine TensorFlow: one graph, as keras.Model.predict has one, kept as long as layers and variables are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from operator import is_
from typing import Any

from keras.src.backend.common.stateless_scope import in_stateless_scope

from unidl.backends.keras.engine import ENGINE, flat, keras, runs_as_python, traced, without_gradient
from unidl.backends.keras.module import Adapter, attribute_name
from unidl.backends.keras.ops.random import generator
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
        specs = tuple([tensor.spec for tensor in leaves(nest)])
        self.inputs = len(specs)
        self.drawn = _drawn_from(native)
        self.run = flat(traced(lambda *tensors: call(*pack(nest, tensors)), specs, False))
        # where what it holds stands: dicts (a layer's attributes, or a user's own) with name and value; lists with their items
        self._named: list[tuple[dict[Any, Any], Any, Any]] = [
            (vars(native), "_compile_config", vars(native).get("_compile_config"))  # each compile() makes another
        ]
        self._listed: list[tuple[list[Any], list[Any]]] = []
        layers, known = [native], {id(native)}
        for layer in layers:  # it grows
            new = [inner for inner in self._look(layer) if id(inner) not in known]
            known.update(map(id, new))
            layers += new

    def _look(self, layer: Any) -> Iterator[Any]:
        """Note where a layer holds variables and sublayers; the sublayers."""
        own = vars(layer)
        # Keras does not notice another layer in a list of the user's; the adapter finds it
        nests = map(attribute_name, layer.unidl.plan.structure) if isinstance(layer, Adapter) else _public_nests(own)
        for name in dict.fromkeys([*_KEPT, *nests, *[name for name, value in own.items() if isinstance(value, _HELD)]]):
            self._named.append((own, name, own.get(name)))
            yield from self._inside(own.get(name))

    def _inside(self, value: Any) -> Iterator[Any]:
        """Note what a nest holds; the layers there."""
        if isinstance(value, keras.layers.Layer):
            yield value
        elif isinstance(value, (list, tuple, dict)):
            if isinstance(value, list):
                self._listed.append((value, list(value)))
            elif isinstance(value, dict):
                self._named += [(value, key, item) for key, item in value.items()]
            for item in value.values() if isinstance(value, dict) else value:
                yield from self._inside(item)

    def fits(self) -> bool:
        """Whether the model still has the layers and variables that were traced, and draws from the same generator."""
        if self.drawn is not None and self.drawn is not generator():
            return False
        for holder, name, value in self._named:
            if holder.get(name) is not value:
                return False
        return all(len(now) == len(then) and all(map(is_, now, then)) for now, then in self._listed)


def _drawn_from(native: Any) -> Any:
    """The generator that the graph holds; None where it draws nothing."""
    return generator() if native.unidl.plan.draws_in(False) else None


_KEPT = ("_layers", "_trainable_variables", "_non_trainable_variables")  # Keras' own lists
_HELD = (keras.layers.Layer, keras.Variable)


def _public_nests(attributes: dict[str, Any]) -> list[str]:
    """The attributes of a Keras layer of somebody's own that are lists, tuples or dicts of layers or variables."""
    return [
        name
        for name, value in attributes.items()
        if isinstance(value, (list, tuple, dict))
        and name[0] != "_"
        and any(isinstance(v, _HELD) for v in leaves(value))
    ]


def predicted(native: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Callable[..., Any]) -> Any:
    """The outputs in inference: of the graph while `predict` runs, else of the call itself."""
    part = native.unidl
    graph: Predicted | None = part.predicted
    if (
        not _predicting.get()
        or kwargs
        or not runs_as_python()
        or in_stateless_scope()  # whose variables have values of their own
        or getattr(native, "run_eagerly", False)
    ):
        return call(*args, **kwargs)
    tensors = list(leaves(args))
    if graph is None or not graph.fits():
        if (
            ENGINE != "tensorflow"
            or part.draws[False]  # counts its steps outside
            or not all(isinstance(leaf, SymbolicTensor) for leaf in leaves(part.plan.calls[0].args))
        ):
            return call(*args)
        with part.tracing:  # one thread traces, and others wait for it
            graph = part.predicted
            if graph is None or not graph.fits():
                graph = part.predicted = Predicted(native, call)
    if len(tensors) != graph.inputs or any(tensor is None for tensor in tensors):
        return call(*args)  # an argument less than it was built with
    return graph.run(*tensors)
