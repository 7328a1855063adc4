"""The framework's own objects, one for each layer."""

from __future__ import annotations

from typing import Any

from unidl.backends.tensorflow.binding import child_of
from unidl.backends.tensorflow.module import own_variables
from unidl.backends.tensorflow.program import lowered
from unidl.backends.tensorflow.weight import is_frozen
from unidl.description.plan import LayerPlan
from unidl.inspection.graph import Graph
from unidl.inspection.layers import layers_graph
from unidl.inspection.program import Program

NOTE = "TensorFlow has no layers outside Keras: a tf.Module holds the variables, and what it computes stands in the graph alone."


def layers(program: Program) -> Graph:
    """The graph "layers"."""
    return layers_graph(program.plan, program.natives, "tf.Modules, which hold the variables", _described, NOTE)


def _described(plan: LayerPlan, native: Any) -> tuple[str, dict[str, Any]]:
    way = lowered(plan, native)
    told: dict[str, Any] = {"way": way.way, "reason": way.reason, "base": "tf.Module"}
    told["variables"] = {
        v.name: {"shape": list(v.shape), "dtype": v.dtype.name, "trainable": v.trainable} for v in own_variables(native)
    }
    if is_frozen(native):
        told["frozen"] = True
    return way.native, told


def owners(plan: LayerPlan, native: Any) -> list[tuple[Any, str, str]]:
    """(variable, path of its layer, its name) for each weight of a native object of that plan."""
    natives = {id(plan): native}
    found: list[tuple[Any, str, str]] = []
    for part in plan.walk():
        if part.reached:
            held = natives[id(part)]
            found += [(variable, part.path, variable.name.removesuffix(":0")) for variable in own_variables(held)]
            for key, child in part.children.items():
                if child.reached:
                    natives.setdefault(id(child), child_of(held, key))
    return found
