"""What XLA makes of a model: its instructions after optimisation, and which of them it fused into one kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.compiler.xla import xla_data_pb2
from tensorflow.compiler.xla.service import hlo_pb2

from unidl.backends.tensorflow.inspection.dataflow import INSIDE
from unidl.backends.tensorflow.inspection.operations import Recording, Where, recording
from unidl.backends.tensorflow.tracing import Traced, current_layer, listening
from unidl.graph.spec import TensorSpec
from unidl.inspection.graph import LANES, Edge, Graph, Node
from unidl.inspection.lane import Lane
from unidl.inspection.program import Trial

DTYPES = {
    "PRED": "bool", "U8": "uint8", "S8": "int8", "S16": "int16", "S32": "int32", "S64": "int64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
}  # fmt: skip
STAGE = "optimized_hlo_serialized"
# what holds others, or only names what is there
NO_KERNEL = (
    "parameter",
    "constant",
    "tuple",
    "get-tuple-element",
    "bitcast",
    "while",
    "conditional",
    "call",
    "computation",
)
SHOWN = (
    "fusion",
    "while",
    "conditional",
    "call",
)  # what holds a computation that is worth showing; the others add two numbers


def compiled(function: Callable[..., Any], tensors: Sequence[Any], where: Where) -> tuple[Graph, dict[str, Any]]:
    """The graph "xla" of a function, and a summary as JSON.

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
        ir = traced.experimental_get_compiler_ir(*tensors)
    return _read(ir(stage=STAGE), seen, "XLA's program for this batch", False)


def compiled_step(trial: Trial) -> tuple[Graph, dict[str, Any]]:
    """Likewise of the steps of a Trainer that compiles them: one is taken.

    Raises:
        tf.errors.OpError: XLA has no kernel for an operation.
    """
    with recording(current_layer, trial.lane) as seen, listening() as made:
        trial.run()
    traced = max((one for one in made if one.concrete is not None), key=_size)
    concrete: Any = traced.concrete
    own = len(concrete.inputs) - len(concrete.captured_inputs)
    specs = [tf.TensorSpec(given.shape, given.dtype) for given in concrete.inputs[:own]]
    device = tf.DeviceSpec.from_string(trial.native().unidl.device).device_type
    ir = traced.function.experimental_get_compiler_ir(*specs)
    return _read(ir(stage=STAGE, platform_name=device), seen, "XLA's program for many steps", True)


def _size(traced: Traced) -> int:
    concrete: Any = traced.concrete
    return len(concrete.graph.get_operations())


def _read(proto: bytes, seen: Recording, title: str, step: bool) -> tuple[Graph, dict[str, Any]]:
    module = hlo_pb2.HloModuleProto.FromString(proto)
    origins: dict[str, tuple[str, str]] = {}
    for graph in seen.graphs.values():
        for operation in graph.get_operations():
            layer, lane = seen.origin(operation)
            if layer or lane:
                origins[operation.name] = layer or "", lane if step else ""
    reader = _Reader({computation.id: computation for computation in module.computations}, origins)
    reader.read(module.entry_computation_id, "")
    fusions = {node.id: node for node in reader.nodes if node.op == "fusion"}
    loose = [n for n in reader.nodes if n.parent not in fusions and n.op not in NO_KERNEL]
    inside = {name: Counter(n.op for n in reader.nodes if n.parent == name and n.op != "parameter") for name in fusions}
    summary: dict[str, Any] = {
        "instructions": sum(node.op not in ("parameter", "computation") for node in reader.nodes),
        "kernels": len(loose),
        "fusions": {fusions[name].label: dict(counted) for name, counted in inside.items()},
    }
    if step:
        summary["lanes"] = {lane: sum(node.lane == lane for node in loose) for lane in LANES}
    title = (
        f"{title}: {summary['instructions']} instructions, in {len(loose)} kernels that run one after another; "
        f"{len(fusions)} of these are fusions"
    )
    return Graph("xla", title, tuple(reader.nodes), tuple(dict.fromkeys(reader.edges))), summary


class _Reader:
    """Reads a module of HLO.

    Args:
        computations: id -> computation.
        origins: Name of a TensorFlow operation -> path of its layer, and lane.
    """

    def __init__(self, computations: Mapping[int, Any], origins: Mapping[str, tuple[str, str]]) -> None:
        self.computations = computations
        self.origins = origins
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
            layer, lane = self.origins.get(one.metadata.op_name, ("", ""))
            details = {"of": f"{one.metadata.op_type} {one.metadata.op_name}"} if one.metadata.op_type else {}
            if one.fusion_kind:
                details["kind"] = one.fusion_kind
            node = Node(names[one.id], one.opcode, one.name, layer, lane, holder, (made,) if made else (), details)
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
            self.nodes.append(Node(body, "computation", name, holder.layer, holder.lane, holder.id))
            self.read(computation, body)


def _spec(shape: Any) -> TensorSpec | None:
    dtype = DTYPES.get(xla_data_pb2.PrimitiveType.Name(shape.element_type))
    return None if dtype is None else TensorSpec(tuple(shape.dimensions), dtype)
