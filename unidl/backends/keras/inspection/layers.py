"""Keras' own objects: the layers, and the functional graph in which Keras itself joins them."""

from __future__ import annotations

import json
from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.module import Adapter
from unidl.backends.keras.program import lowered
from unidl.description.plan import LayerPlan
from unidl.graph.spec import TensorSpec
from unidl.inspection.graph import Edge, Graph, Node
from unidl.inspection.layers import layers_graph
from unidl.inspection.program import Program

NO_CONFIG = "none: what it computes stands in the unidl description, and Keras cannot make it from a configuration"


def layers(program: Program) -> Graph:
    """The graph "layers"."""
    return layers_graph(program.plan, program.natives, "Keras layers", _described)


def _described(plan: LayerPlan, native: Any) -> tuple[str, dict[str, Any]]:
    way = lowered(plan, native)
    told = {
        "way": way.way,
        "reason": way.reason,
        "name": native.name,
        "parameters": native.count_params(),
        "trainable": bool(native.trainable),
        "config": config_of(native),
    }
    return way.native, told


def config_of(native: Any) -> Any:
    """What Keras would write of a layer or model, as JSON."""
    if any(isinstance(layer, Adapter) for layer in native._flatten_layers()):
        return NO_CONFIG
    return as_json(native.get_config())


def as_json(value: Any) -> Any:
    """A configuration as JSON: objects as Keras serialises them."""
    return json.loads(json.dumps(value, default=keras.saving.serialize_keras_object))


def functional(program: Program) -> Graph | None:
    """Keras' own graph of a functional model; None where the model is a subclass, which Keras cannot look into.

    Its nodes are layers and operations, in the order in which Keras runs them; its edges are KerasTensors.
    """
    native = program.native
    if isinstance(native, Adapter):
        return None
    paths = {id(program.natives[id(part)]): part.path for part in program.plan.walk() if part.reached}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for operation in native.operations:
        calls = [call for call in operation._inbound_nodes if _key(operation, call) in native._nodes]
        specs = tuple(_spec(tensor) for call in calls[:1] for tensor in call.output_tensors)
        kind, own = _kind(operation)
        details = {"class": own} | ({} if len(calls) < 2 else {"calls": len(calls)})
        nodes.append(
            Node(operation.name, kind, operation.name, paths.get(id(operation), ""), outputs=specs, details=details)
        )
        for call in calls:
            edges += [
                Edge(tensor._keras_history.operation.name, operation.name, _spec(tensor))
                for tensor in call.input_tensors
            ]
    title = "Keras' functional graph: its layers and operations, and the KerasTensors between them"
    return Graph("functional", title, tuple(nodes), tuple(dict.fromkeys(edges)))


def _key(operation: Any, call: Any) -> str:
    return f"{id(operation)}_ib-{operation._inbound_nodes.index(call)}"


def _kind(operation: Any) -> tuple[str, str]:
    """What Keras calls it, and its own class: some lowerings are small subclasses of Keras' layers."""
    own = f"{type(operation).__module__}.{type(operation).__qualname__}"
    for cls in type(operation).__mro__:
        if getattr(keras.layers, cls.__name__, None) is cls:
            return f"keras.layers.{cls.__name__}", own
    name = getattr(operation, "op", type(operation).__name__)  # an operation of unidl's says which op it computes
    return f"keras.Operation {name}", own


def _spec(tensor: Any) -> TensorSpec:
    return TensorSpec(tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype))
