"""Dense, Embedding, Dropout, Flatten: torch's own modules."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.backends.lowering import Lowering, always, by_definition
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.graph.spec import promote
from unidl.layers import Dense, Dropout, Embedding, Flatten, Reshape
from unidl.native.row import EITHER, Native, length
from unidl.native.tie import Tie


def dtypes(plan: LayerPlan) -> set[str]:
    """Of all its inputs, in every call."""
    return {tensor.dtype for call in plan.calls for tensor in symbols((call.args, call.kwargs))}


# -- Dense -------------------------------------------------------------------------------------------------------------------


def _wider(plan: LayerPlan) -> str | None:
    wider = sorted(dtype for dtype in dtypes(plan) if promote(dtype, plan.dtype) != plan.dtype)
    return f"torch.nn.Linear takes {plan.dtype} only, and the input is {', '.join(wider)}" if wider else None


def _lifted(layer: Any, native: Any, x: Any) -> Any:
    """torch multiplies numbers of one dtype only."""
    return native(ops.cast(x, ops.dtype(layer.kernel)))


DENSE = Native(
    "nn.Linear",
    {"in_features": length("kernel", 0), "out_features": "units", "bias": "use_bias"},
    {"kernel": Tie("weight", "o i -> i o"), "bias": Tie("bias")},
    positional=2,
    activation="activation",
    function="F.linear({x}, {weight}, {bias})",
    call=_lifted,
    direct=lambda plan: dtypes(plan) <= {plan.dtype},
    unsupported=_wider,
    keeps=always,
)

# -- Embedding ---------------------------------------------------------------------------------------------------------------

_INDICES = {"int32", "int64"}  # what torch looks up

EMBEDDING = Native(
    "nn.Embedding",
    {"num_embeddings": "input_dim", "embedding_dim": "output_dim"},
    {"embeddings": Tie("weight")},
    positional=2,
    function="torch.embedding({weight}, {x}, -1, {scale_grad_by_freq}, {sparse})",
    call=lambda layer, native, x: native(ops.cast(x, "int64")),
    direct=lambda plan: dtypes(plan) <= _INDICES,
    implied={"padding_idx": None, "max_norm": None},
)

# -- Dropout, Flatten --------------------------------------------------------------------------------------------------------


def _nothing_to_flatten(plan: LayerPlan) -> str | None:
    if any(len(tensor.shape) == 1 for call in plan.calls for tensor in symbols(call.args)):
        return "torch.nn.Flatten needs an axis beside the batch axis"
    return None


ROWS: dict[type, Native] = {
    Dense: DENSE,
    Embedding: EMBEDDING,
    Dropout: Native("nn.Dropout", {"p": "rate"}, positional=1, layout=EITHER),
    Flatten: Native(
        "nn.Flatten",
        function="{x}.flatten({start_dim}, {end_dim})",
        unsupported=_nothing_to_flatten,
        written=False,
    ),
}

TABLE: dict[type, Lowering] = {Reshape: by_definition("torch has no module that reshapes all axes")}
