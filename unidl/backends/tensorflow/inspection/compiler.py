"""What XLA makes of a model: its instructions after optimisation, and which of them it fused into one kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.compiler.xla import xla_data_pb2
from tensorflow.compiler.xla.service import hlo_pb2

from unidl.backends.tensorflow.inspection.dataflow import INSIDE
from unidl.backends.tensorflow.inspection.operations import Where, recording
from unidl.graph.spec import TensorSpec
from unidl.inspection.graph import Edge, Graph, Node
from unidl.inspection.lane import Lane

DTYPES = {
    "PRED": "bool", "U8": "uint8", "S8": "int8", "S16": "int16", "S32": "int32", "S64": "int64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
}  # fmt: skip
SHOWN = (
    "fusion",
    "while",
    "conditional",
    "call",
)  # what holds a computation that is worth showing; the others add two numbers


def compiled(function: Callable[..., Any], tensors: Sequence[Any], where: Where) -> tuple[Graph, dict[str, Any]]:
    """The graph "xla", and a summary as JSON.

    Args:
        function: What is compiled, of tensors; it is traced once for it and not run.
        tensors: Of the lengths that it is compiled for.
        where: Which layer is called now.

    Raises:
        tf.errors.OpError: XLA has no kernel for an operation.
    """
    traced = tf.function(function, autograph=False, jit_compile=True)
    with recording(where, Lane()) as seen:
        traced.get_concrete_function(*tensors)
        proto = traced.experimental_get_compiler_ir(*tensors)(stage="optimized_hlo_serialized")
    module = hlo_pb2.HloModuleProto.FromString(proto)
    layers = {name: layer or "" for (_, name), (layer, _) in seen.origins.items()}
    reader = _Reader({computation.id: computation for computation in module.computations}, layers)
    reader.read(module.entry_computation_id, "")
    fusions = [node for node in reader.nodes if node.op == "fusion"]
    inside = {node.id: Counter(n.op for n in reader.nodes if n.parent == node.id) for node in fusions}
    own = [node for node in reader.nodes if not node.parent and node.op not in ("parameter", "constant")]
    summary = {
        "instructions": sum(node.op != "parameter" for node in reader.nodes),
        "kernels": len(own),
        "fusions": {
            name.rpartition(INSIDE)[2]: {op: n for op, n in counted.items() if op != "parameter"}
            for name, counted in inside.items()
        },
    }
    title = (
        f"XLA's program for this batch: {summary['instructions']} instructions, of which it runs {len(own)} one after another; "
        f"{len(fusions)} fusions"
    )
    return Graph("xla", title, tuple(reader.nodes), tuple(dict.fromkeys(reader.edges))), summary


class _Reader:
    """Reads a module of HLO.

    Args:
        computations: id -> computation.
        layers: Name of a TensorFlow operation -> path of its layer.
    """

    def __init__(self, computations: Mapping[int, Any], layers: Mapping[str, str]) -> None:
        self.computations = computations
        self.layers = layers
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def read(self, computation: int, holder: str) -> None:
        """One computation, and those that its instructions hold."""
        prefix = f"{holder}{INSIDE}" if holder else ""
        instructions = self.computations[computation].instructions
        names = {one.id: prefix + one.name for one in instructions}
        specs = {one.id: _spec(one.shape) for one in instructions}
        for one in instructions:
            made = specs[one.id]
            layer = self.layers.get(one.metadata.op_name, "")
            details = {"of": f"{one.metadata.op_type} {one.metadata.op_name}"} if one.metadata.op_type else {}
            if one.fusion_kind:
                details["kind"] = one.fusion_kind
            node = Node(names[one.id], one.opcode, one.name, layer, "", holder, (made,) if made else (), details)
            self.nodes.append(node)
            self.edges += [Edge(names[read], names[one.id], specs[read]) for read in one.operand_ids]
            self.edges += [Edge(names[read], names[one.id], None, "control") for read in one.control_predecessor_ids]
            if one.opcode in SHOWN:
                self._inside(one.called_computation_ids, node)

    def _inside(self, computations: Iterable[int], holder: Node) -> None:
        places = list(computations)
        for computation in places:
            if len(places) == 1:
                self.read(computation, holder.id)
                continue
            name = self.computations[computation].name
            body = f"{holder.id}{INSIDE}{name}"
            self.nodes.append(Node(body, "computation", name, holder.layer, "", holder.id))
            self.read(computation, body)


def _spec(shape: Any) -> TensorSpec | None:
    dtype = DTYPES.get(xla_data_pb2.PrimitiveType.Name(shape.element_type))
    return None if dtype is None else TensorSpec(tuple(shape.dimensions), dtype)
