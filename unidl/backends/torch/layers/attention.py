"""MultiHeadAttention: nn.MultiheadAttention, whose packed matrix is seen through views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from unidl.backends.lowering import Lowering, because, refuses_integers
from unidl.backends.torch.direct import instead_of, unobserved
from unidl.backends.torch.layers.core import dtype_of
from unidl.backends.torch.weight import Slot
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.layers import MultiHeadAttention

PARTS = ("query", "key", "value")
_Out = nn.modules.linear.NonDynamicallyQuantizableLinear  # the class of torch's last projection
_OUT_FORWARD = _Out.forward


def refuses_attention(plan: LayerPlan) -> str | None:
    """What torch means differently."""
    if not has_one_width(plan):
        return (
            "torch.nn.MultiheadAttention needs query features = num_heads * key_dim = num_heads * value_dim = outputs"
        )
    masks = [mask for call in plan.calls for mask in symbols(plan.arguments(call).get("mask"))]
    if any(len(mask.shape) == 4 for mask in masks):
        return "torch.nn.MultiheadAttention is NaN where a single head may look nowhere"
    return refuses_integers(plan)


def has_one_width(plan: LayerPlan) -> bool:
    """torch knows one width: that of the query, of all heads together, and of the output."""
    layer: MultiHeadAttention = plan.layer  # type: ignore[assignment]
    features, heads, key_dim = plan.weights["query_kernel"].shape
    return bool(features == heads * key_dim == heads * layer.value_dim == plan.weights["output_kernel"].shape[-1])


class PackedAttention(nn.MultiheadAttention):
    """torch's own, which goes straight to its fused kernel where a sequence looks at itself: torch's forward turns it twice."""

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **more: Any) -> Any:
        """(batch, t, features) -> (batch, t, features), and no weights."""
        causal, masked = more.get("is_causal", False), more.get("attn_mask") is not None
        alone = query is key is value and self.in_proj_weight is not None and more.get("need_weights") is False
        if masked or not alone:
            if causal and not masked:
                more["attn_mask"] = ~_before(query.shape[1], key.shape[1], query.device)
            return super().forward(query, key, value, **more)
        return self.out_proj(self.heads(query, self.in_proj_weight, self.in_proj_bias, causal)), None

    def heads(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, causal: bool) -> torch.Tensor:
        """(batch, t, features) -> what the heads saw, (batch, t, heads * key_dim)."""
        packed = torch.unflatten(functional.linear(x, weight, bias), -1, (3, self.num_heads, self.head_dim))
        q, k, v = packed.permute(2, 0, 3, 1, 4).unbind()  # 3 x (batch, heads, t, key_dim)
        dropout = self.dropout if self.training else 0.0
        y = functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=causal)
        return y.transpose(1, 2).flatten(2)


def _before(t: int, s: int, device: torch.device) -> torch.Tensor:
    """(t, s), True where a place looks at itself and what is before it."""
    return torch.ones((t, s), dtype=torch.bool, device=device).tril()


def make_attention(plan: LayerPlan) -> nn.MultiheadAttention:
    """Three kernels (features, heads, key_dim) -> in_proj_weight (3 * heads * key_dim, features), if the features agree."""
    layer: MultiHeadAttention = plan.layer  # type: ignore[assignment]
    return PackedAttention(
        plan.weights["query_kernel"].shape[0],
        layer.num_heads,
        dropout=layer.dropout,
        bias=layer.use_bias,
        kdim=plan.weights["key_kernel"].shape[0],
        vdim=plan.weights["value_kernel"].shape[0],
        batch_first=True,
        dtype=dtype_of(plan),
    )


def call_attention(
    layer: MultiHeadAttention,
    module: nn.MultiheadAttention,
    query: torch.Tensor,
    value: torch.Tensor | None = None,
    key: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    causal: bool = False,
) -> torch.Tensor:
    """(batch, t, features), (batch, s, features) -> (batch, t, features)."""
    value = query if value is None else value
    key = value if key is None else key
    if mask is None:
        return module(query, key, value, is_causal=causal, need_weights=False)[0]
    t, s = query.shape[1], value.shape[1]
    allowed = mask & _before(t, s, query.device) if causal else mask  # (batch, t, s)
    somewhere = allowed.any(dim=-1, keepdim=True)  # (batch, t, 1)
    # torch is NaN where all is blocked: such a place looks everywhere, and what it sees is then put aside
    blocked = ~(allowed | ~somewhere).expand(query.shape[0], t, s)
    y = module(query, key, value, attn_mask=blocked.repeat_interleave(layer.num_heads, dim=0), need_weights=False)[
        0
    ]  # (batch, t, features)
    nothing = y.new_zeros(()) if module.out_proj.bias is None else module.out_proj.bias
    return torch.where(somewhere, y, nothing)


@instead_of(call_attention, PackedAttention, parameters=5)
def attention(
    layer: MultiHeadAttention, module: PackedAttention, within: None, x: torch.Tensor, causal: bool = False, **more: Any
) -> torch.Tensor:
    own, out = module._parameters, module._modules["out_proj"]
    if more or own["in_proj_weight"] is None:
        return call_attention(layer, module, x, causal=causal, **more)
    y = module.heads(x, own["in_proj_weight"], own["in_proj_bias"], causal)
    if type(out) is _Out and _Out.forward is _OUT_FORWARD and len(out._parameters) == 2 and unobserved(out):
        return functional.linear(y, out._parameters["weight"], out._parameters["bias"])  # type: ignore[arg-type]
    return out(y)  # type: ignore[misc]


def _kernel(part: int | None, heads: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """(heads * key_dim, features), a third of a packed matrix or one of its own -> (features, heads, key_dim)."""

    def view(weight: torch.Tensor) -> torch.Tensor:
        own = weight if part is None else weight.unflatten(0, (3, -1))[part]
        return own.unflatten(0, (heads, -1)).permute(2, 0, 1)

    return view


def _bias(part: int, heads: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A third of the packed biases (3 * heads * key_dim,) -> (heads, key_dim)."""
    return lambda bias: bias.unflatten(0, (3, heads, -1))[part]


def attention_slots(plan: LayerPlan, module: nn.MultiheadAttention) -> dict[str, Slot]:
    """Views of in_proj_weight, or of three matrices where the features differ, and of out_proj."""
    heads = module.num_heads
    packed = module.in_proj_weight is not None
    slots = {}
    for number, part in enumerate(PARTS):
        name = "in_proj_weight" if packed else f"{part[0]}_proj_weight"
        slots[f"{part}_kernel"] = Slot(module, name, _kernel(number if packed else None, heads))
        if "query_bias" in plan.weights:
            slots[f"{part}_bias"] = Slot(module, "in_proj_bias", _bias(number, heads))
    # (features, heads * key_dim) -> (heads, key_dim, features)
    slots["output_kernel"] = Slot(module.out_proj, "weight", lambda w: w.unflatten(1, (heads, -1)).permute(1, 2, 0))
    if "output_bias" in plan.weights:
        slots["output_bias"] = Slot(module.out_proj, "bias")
    return {name: slots[name] for name in plan.weights}


TABLE: dict[type, Lowering] = {
    MultiHeadAttention: Lowering(
        make_attention,
        call_attention,
        attention_slots,
        refuses_attention,
        keeps=has_one_width,
        nested=because("torch's fused attention has no second derivative"),
    )
}
