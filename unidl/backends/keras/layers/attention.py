"""MultiHeadAttention: Keras' own, which never sees a place that may look nowhere."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers.core import common
from unidl.backends.keras.weight import Slot
from unidl.backends.lowering import Lowering
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.layers import MultiHeadAttention


def refuses_attention(plan: LayerPlan) -> str | None:
    """A mask for each head; dropout, whose generator Keras hides."""
    layer: MultiHeadAttention = plan.layer  # type: ignore[assignment]
    masks = [mask for call in plan.calls for mask in symbols(plan.arguments(call).get("mask"))]
    if any(len(mask.shape) == 4 for mask in masks):
        return "keras.layers.MultiHeadAttention looks everywhere where a single head may look nowhere"
    if layer.dropout:
        return "keras.layers.MultiHeadAttention drops by a generator of its own, which no seed reaches"
    return None


def make_attention(plan: LayerPlan) -> Any:
    """Kernels (features, heads, key_dim) and (heads, value_dim, outputs), as in Keras."""
    layer: MultiHeadAttention = plan.layer  # type: ignore[assignment]
    native = keras.layers.MultiHeadAttention(
        layer.num_heads,
        layer.key_dim,
        value_dim=layer.value_dim,
        use_bias=layer.use_bias,
        output_shape=plan.weights["output_kernel"].shape[-1],
        kernel_initializer="zeros",
        **common(plan),
    )
    arguments = plan.arguments(plan.calls[0])
    query = arguments["query"].shape
    value = query if arguments.get("value") is None else arguments["value"].shape
    native.build(query, value, value if arguments.get("key") is None else arguments["key"].shape)
    return native


def call_attention(
    layer: MultiHeadAttention,
    native: Any,
    query: Any,
    value: Any = None,
    key: Any = None,
    mask: Any = None,
    causal: bool = False,
) -> Any:
    """(batch, t, features), (batch, s, features) -> (batch, t, outputs)."""
    value = query if value is None else value
    if mask is None:
        return native(query, value, key=key, use_causal_mask=causal)
    allowed = mask  # (batch, t, s)
    if causal:
        t, s = (keras.ops.arange(keras.ops.shape(x)[1], dtype="int64") for x in (query, value))
        allowed = keras.ops.logical_and(allowed, (s[None, :] <= t[:, None])[None])
    somewhere = keras.ops.any(allowed, axis=-1, keepdims=True)  # (batch, t, 1)
    # such a place looks everywhere, and what it sees is then put aside
    everywhere = keras.ops.logical_or(allowed, keras.ops.logical_not(somewhere))
    y = native(query, value, key=key, attention_mask=everywhere)  # (batch, t, outputs)
    nothing = keras.ops.convert_to_tensor(native.output_dense.bias) if layer.use_bias else 0.0
    return keras.ops.where(somewhere, y, nothing)


def attention_slots(plan: LayerPlan, native: Any) -> dict[str, Slot]:
    """query_kernel is the kernel of query_dense, and so on."""
    parts = {name: name.split("_") for name in plan.weights}
    return {name: Slot(native, f"{which}_dense.{what}") for name, (which, what) in parts.items()}


TABLE: dict[type, Lowering] = {
    MultiHeadAttention: Lowering(make_attention, call_attention, attention_slots, refuses_attention)
}
