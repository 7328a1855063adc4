"""The framework's own objects, one for each layer."""

from __future__ import annotations

from typing import Any

from unidl.backends.tensorflow.program import lowered
from unidl.description.plan import LayerPlan
from unidl.inspection.graph import Graph
from unidl.inspection.layers import layers_graph
from unidl.inspection.program import Program


def layers(program: Program) -> Graph:
    """The graph "layers"."""
    return layers_graph(program.plan, program.natives, "tf.Modules, which hold the variables", _described)


def _described(plan: LayerPlan, native: Any) -> tuple[str, dict[str, Any]]:
    way = lowered(plan, native)
    return way.native, {"way": way.way, "reason": way.reason}
