"""Dense, Embedding, Dropout, activations, shapes, merging, normalization: as one writes them in torch."""

from __future__ import annotations

import numpy as np

from unidl.codegen.calls import binary, call
from unidl.codegen.code import Code, Value
from unidl.codegen.language import EITHER, FIRST, Arrays, Calling, Making, Row
from unidl.codegen.literals import literal
from unidl.description.plan import LayerPlan
from unidl.layers import (
    Activation,
    Add,
    Average,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNormalization,
    Maximum,
    Minimum,
    Multiply,
    ReLU,
    Reshape,
    Softmax,
    Subtract,
)

# -- core --------------------------------------------------------------------------------------------------------------------


def _linear(m: Making) -> str:
    bias = None if m.layer.use_bias else False
    return call("nn.Linear", m.length("kernel", 0), m.length("kernel", 1), bias=bias).text


def _linear_call(c: Calling) -> Value:
    x = c.x if c.x.dtype == c.plan.dtype else c.scope.casted(c.x, c.plan.dtype)
    return c.activated(c.of(x))


def _linear_arrays(plan: LayerPlan, w: Arrays) -> Arrays:
    return {"weight": w["kernel"].T} | ({"bias": w["bias"]} if "bias" in w else {})


def _linear_reads(plan: LayerPlan, name: str, me: str) -> str:
    return f"{me}.weight.T" if name == "kernel" else f"{me}.bias"


def _embedding_call(c: Calling) -> Code:
    x = c.x if c.x.dtype in ("int32", "int64") else c.scope.casted(c.x, "int64")
    return c.of(x)


# -- shapes ------------------------------------------------------------------------------------------------------------------


def _reshape(c: Calling) -> Code:
    shape = (-1, *c.layer.target_shape)
    if -1 in c.layer.target_shape:
        known = c.outputs.shape[1:]
        shape = (-1, *known) if None not in known else (Code(f"{c.x:a}.shape[0]"), *c.layer.target_shape)  # type: ignore[assignment]
    return Code(f"{c.x:a}.reshape{literal(shape)}", names=c.x.code.names)


# -- merging -----------------------------------------------------------------------------------------------------------------


def _operator(symbol: str):  # type: ignore[no-untyped-def]
    def merged(c: Calling) -> Code:
        first, *rest = c.args["inputs"]
        result: Code = first.code
        for other in rest:
            result = binary(result, symbol, other)
        return result

    return merged


def _average(c: Calling) -> Code:
    return binary(_operator("+")(c), "/", len(c.args["inputs"]))


def _pairwise(function: str):  # type: ignore[no-untyped-def]
    def merged(c: Calling) -> Code:
        first, *rest = c.args["inputs"]
        result: Code = first.code
        for other in rest:
            result = call(function, result, other)
        return result

    return merged


def _concatenate(c: Calling) -> Code:
    axis = c.axis(c.layer.axis)
    return call("torch.cat", list(c.args["inputs"]), dim=-1 if axis == len(c.outputs.shape) - 1 else axis)


# -- normalization -----------------------------------------------------------------------------------------------------------


def _batch_norm(m: Making) -> str:
    layer = m.layer
    axes = len(m.plan.input_shapes[0])
    channels = m.plan.weights["moving_mean"].shape[0]
    if layer.center and not layer.scale:
        m.note = "the bias alone is trained"
        m.after.append("{me}.weight.requires_grad_(False)")
    return call(
        {2: "nn.BatchNorm1d", 3: "nn.BatchNorm1d", 4: "nn.BatchNorm2d", 5: "nn.BatchNorm3d"}[axes],
        channels,
        eps=layer.epsilon if layer.epsilon != 1e-5 else None,
        momentum=round(1.0 - layer.momentum, 12) if layer.momentum != 0.9 else None,
        affine=None if layer.scale or layer.center else False,
        bias=None if layer.center or not layer.scale else False,
    ).text


def _batch_norm_arrays(plan: LayerPlan, w: Arrays) -> Arrays:
    found = {"running_mean": w["moving_mean"], "running_var": w["moving_variance"]}
    found["num_batches_tracked"] = np.zeros((), "int64")
    if "gamma" in w or "beta" in w:
        found["weight"] = w.get("gamma", np.ones_like(w["moving_mean"]))
    if "beta" in w:
        found["bias"] = w["beta"]
    return found


def _layer_norm(m: Making) -> str:
    layer = m.layer
    lengths = [m.plan.input_shapes[0][axis] for axis in m.plan.attributes["axes"]]
    if layer.center and not layer.scale:
        m.note = "the bias alone is trained"
        m.after.append("{me}.weight.requires_grad_(False)")
    return call(
        "nn.LayerNorm",
        lengths[0] if len(lengths) == 1 else lengths,
        eps=layer.epsilon if layer.epsilon != 1e-5 else None,
        elementwise_affine=None if layer.scale or layer.center else False,
        bias=None if layer.center or not layer.scale else False,
    ).text


def _layer_norm_call(c: Calling) -> Code:
    axes, rank = c.plan.attributes["axes"], len(c.x.shape)
    trailing = tuple(range(rank - len(axes), rank))
    if axes == trailing:
        return c.of(c.x)
    if len(axes) == 1:
        axes, trailing = axes[0], -1  # type: ignore[assignment]
    moved = Code(f"{c.x:a}.movedim({literal(axes)}, {literal(trailing)})", names=c.x.code.names)
    return Code(f"{c.of(moved)}.movedim({literal(trailing)}, {literal(axes)})", names=c.x.code.names)


def _layer_norm_arrays(plan: LayerPlan, w: Arrays) -> Arrays:
    found = {}
    if "gamma" in w or "beta" in w:
        found["weight"] = w.get("gamma", np.ones_like(next(iter(w.values()))))
    if "beta" in w:
        found["bias"] = w["beta"]
    return found


def _named(names: dict[str, str]):  # type: ignore[no-untyped-def]
    return lambda plan, w: {names[name]: array for name, array in w.items()}


def _reads(names: dict[str, str]):  # type: ignore[no-untyped-def]
    """Weights whose layout is the canonical one."""
    return lambda plan, name, me: f"{me}.{names[name]}"


_SCALE_AND_OFFSET = {"gamma": "weight", "beta": "bias"}
_STATISTICS = {"moving_mean": "running_mean", "moving_variance": "running_var"}


def _serves_batch_norm(plan: LayerPlan) -> bool:
    return len(plan.input_shapes[0]) <= 5


LAYERS: dict[type, Row] = {
    Dense: Row(_linear_call, _linear, _linear_arrays, reads=_linear_reads),
    Embedding: Row(
        _embedding_call,
        lambda m: call("nn.Embedding", m.layer.input_dim, m.layer.output_dim).text,
        _named({"embeddings": "weight"}),
        reads=_reads({"embeddings": "weight"}),
    ),
    Dropout: Row(
        lambda c: c.of(c.x),
        lambda m: call("nn.Dropout", m.layer.rate).text,
        layout=EITHER,
        trains=lambda plan: plan.layer.rate > 0,  # type: ignore[attr-defined]
    ),
    Flatten: Row(lambda c: call("torch.flatten", c.x, 1)),
    Reshape: Row(_reshape),
    Activation: Row(lambda c: c.activated(c.x.code), layout=EITHER),
    ReLU: Row(lambda c: call("F.relu", c.x), layout=EITHER),
    Softmax: Row(lambda c: call("torch.softmax", c.x, dim=c.layer.axis)),
    Add: Row(_operator("+"), layout=EITHER),
    Subtract: Row(_operator("-"), layout=EITHER),
    Multiply: Row(_operator("*"), layout=EITHER),
    Average: Row(_average, layout=EITHER),
    Maximum: Row(_pairwise("torch.maximum"), layout=EITHER),
    Minimum: Row(_pairwise("torch.minimum"), layout=EITHER),
    Concatenate: Row(_concatenate, layout=EITHER),
    BatchNormalization: Row(
        lambda c: c.of(c.x),
        _batch_norm,
        _batch_norm_arrays,
        FIRST,
        trains=lambda plan: True,
        serves=_serves_batch_norm,
        reads=_reads(_SCALE_AND_OFFSET | _STATISTICS),
    ),
    LayerNormalization: Row(_layer_norm_call, _layer_norm, _layer_norm_arrays, reads=_reads(_SCALE_AND_OFFSET)),
}
