"""MultiHeadAttention: nn.MultiheadAttention, whose packed matrix is seen through views."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from unidl import ops
from unidl.backends.lowering import because, refuses_integers
from unidl.backends.torch.fast_path import unobserved
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.graph.spec import TensorSpec
from unidl.layers import MultiHeadAttention
from unidl.native.helper import Helper
from unidl.native.row import Native, Output
from unidl.native.tie import Tie

PARTS = ("query", "key", "value")
_Out = nn.modules.linear.NonDynamicallyQuantizableLinear  # the class of torch's last projection
_OUT_FORWARD = _Out.forward


def _unsupported(plan: LayerPlan) -> str | None:
    """What torch means differently."""
    if not _has_one_width(plan):
        return (
            "torch.nn.MultiheadAttention needs query features = num_heads * key_dim = num_heads * value_dim = outputs"
        )
    masks = [mask for call in plan.calls for mask in symbols(plan.arguments(call).get("mask"))]
    if any(len(mask.shape) == 4 for mask in masks):
        return "torch.nn.MultiheadAttention is NaN where a single head may look nowhere"
    return refuses_integers(plan)


def _has_one_width(plan: LayerPlan) -> bool:
    """torch knows one width: that of the query, of all heads together, and of the output."""
    features, heads, key_dim = plan.weights["query_kernel"].shape
    values = heads * plan.attributes["value_dim"]
    return bool(features == heads * key_dim == values == plan.weights["output_kernel"].shape[-1])


class PackedAttention(nn.MultiheadAttention):
    """torch's own, which goes straight to its fused kernel where a sequence looks at itself: torch's forward turns it twice."""

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **more: Any) -> Any:
        """(batch, t, features) -> (batch, t, features), and no weights."""
        alone = query is key is value and self.in_proj_weight is not None and more.get("need_weights") is False
        if alone and (more.get("is_causal") or more.get("attn_mask") is None):
            return self.out_proj(self.heads(query, more.get("is_causal"))), None
        return super().forward(query, key, value, **more)

    def attend(self, x: torch.Tensor, causal: bool | None) -> torch.Tensor:
        """forward, for a sequence that attends to itself, without the call of the projection where nobody listens to it."""
        y, out = self.heads(x, causal), self.out_proj
        if type(out) is _Out and _Out.forward is _OUT_FORWARD and len(out._parameters) == 2 and unobserved(out):
            return functional.linear(y, out._parameters["weight"], out._parameters["bias"])  # type: ignore[arg-type]
        return out(y)  # type: ignore[no-any-return]

    def heads(self, x: torch.Tensor, causal: bool | None) -> torch.Tensor:
        """(batch, t, features) -> what the heads saw, (batch, t, heads * key_dim)."""
        projected = functional.linear(x, self.in_proj_weight, self.in_proj_bias)  # (batch, t, 3 * heads * key_dim)
        packed = torch.unflatten(projected, -1, (3, self.num_heads, self.head_dim))
        q, k, v = packed.permute(2, 0, 3, 1, 4).unbind()  # 3 x (batch, heads, t, key_dim)
        dropout = self.dropout if self.training else 0.0
        y = functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=bool(causal))
        return y.transpose(1, 2).flatten(2)


def causal_mask(query, value):  # type: ignore[no-untyped-def]
    """True where a position is after the query's, (t, s)."""
    size = (query.shape[1], value.shape[1])
    return torch.ones(size, dtype=torch.bool, device=query.device).triu(1)


CAUSAL_MASK = Helper(causal_mask, lambda query, value: TensorSpec((query.shape[1], value.shape[1]), "bool"))


def _attention(
    layer: Any, native: Any, query: Any, value: Any = None, key: Any = None, mask: Any = None, causal: bool = False
) -> Any:
    """(batch, t, features), (batch, s, features) -> (batch, t, features)."""
    value = query if value is None else value
    key = value if key is None else key
    if mask is None and not causal:
        return native(query, key, value, need_weights=False)[0]
    after = CAUSAL_MASK(query, value) if causal else None
    if mask is None:
        return native(query, key, value, attn_mask=after, is_causal=True, need_weights=False)[0]
    allowed = mask if after is None else ops.logical_and(mask, ops.logical_not(after))  # (batch, t, s)
    somewhere = ops.any(allowed, axis=-1, keepdims=True)  # (batch, t, 1)
    # torch blocks where its mask is True, and is NaN where all is blocked: such a position attends to everything, and the result is put aside
    blocked = ops.logical_not(ops.logical_or(allowed, ops.logical_not(somewhere)))
    shape = (ops.shape(query)[0], ops.shape(query)[1], ops.shape(value)[1])
    blocked = ops.repeat(ops.broadcast_to(blocked, shape), layer.num_heads, axis=0)  # (batch * heads, t, s)
    y = native(query, key, value, attn_mask=blocked, need_weights=False)[0]
    return ops.where(somewhere, y, layer.output_bias if layer.use_bias else 0.0)


def _outputs(plan: LayerPlan, query: Any, *_: Any, **__: Any) -> Any:
    y = Output("attended", TensorSpec(query.shape, plan.dtype))
    return y, Output("weights", TensorSpec((query.shape[0], query.shape[1], None), plan.dtype))


def _is_packed(plan: LayerPlan) -> bool:
    return len({plan.weights[f"{part}_kernel"].shape[0] for part in PARTS}) == 1


def _features(part: str) -> Any:
    """kdim or vdim; None where it is the query's."""

    def features(plan: LayerPlan) -> int | None:
        return None if _is_packed(plan) else plan.weights[f"{part}_kernel"].shape[0]

    return features


def _ties(plan: LayerPlan) -> dict[str, Tie]:
    """Parts of a packed matrix, or three matrices where the features differ; the biases are always packed."""
    packed = _is_packed(plan)
    ties = {"output_kernel": Tie("out_proj.weight", "o (n k) -> n k o"), "output_bias": Tie("out_proj.bias")}
    for number, part in enumerate(PARTS):
        third = {"p": (number, 3)}
        ties[f"{part}_kernel"] = (
            Tie("in_proj_weight", "(p n k) f -> f n k", at=third)
            if packed
            else Tie(f"{part[0]}_proj_weight", "(n k) f -> f n k")
        )
        ties[f"{part}_bias"] = Tie("in_proj_bias", "(p n k) -> n k", at=third)
    return ties


ROWS: dict[type, Native] = {
    MultiHeadAttention: Native(
        "nn.MultiheadAttention",
        {
            "embed_dim": lambda plan: plan.weights["query_kernel"].shape[0],
            "num_heads": "num_heads",
            "dropout": "dropout",
            "bias": "use_bias",
            "kdim": _features("key"),
            "vdim": _features("value"),
            "batch_first": (True,),
        },
        _ties,
        positional=2,
        function="{attend}({x}, {causal})",
        call=_attention,
        outputs=_outputs,
        unsupported=_unsupported,
        keeps=_has_one_width,
        nested=because("torch's fused attention has no second derivative"),
        runs=PackedAttention,
        implied={"_qkv_same_embed_dim": True},
    )
}
