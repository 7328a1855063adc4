"""MultiHeadAttention: Keras' own, which never sees a place that may look nowhere."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.binding import Nested
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.layers.core import common
from unidl.backends.keras.ops.arithmetic import broadcasts
from unidl.backends.keras.weight import Slot
from unidl.backends.lowering import Lowering, refuses_integers
from unidl.description.plan import LayerPlan
from unidl.graph.nesting import is_nested
from unidl.graph.node import symbols
from unidl.layers import MultiHeadAttention


def refuses_attention(plan: LayerPlan) -> str | None:
    """What Keras means differently, and dropout, whose generator Keras hides."""
    layer: MultiHeadAttention = plan.layer  # type: ignore[assignment]
    masks = [mask for call in plan.calls for mask in symbols(plan.arguments(call).get("mask"))]
    if any(len(mask.shape) == 4 for mask in masks):
        return "keras.layers.MultiHeadAttention looks everywhere where a single head may look nowhere"
    if layer.dropout:
        return "keras.layers.MultiHeadAttention drops by a generator of its own, which no seed reaches"
    if plan.dtype == "float64":
        return "keras.layers.MultiHeadAttention rounds its scale to float32"
    return refuses_integers(plan) or refuses_bias(plan)


def refuses_bias(plan: LayerPlan) -> str | None:
    """Keras adds each bias, (heads, width), to (batch, time, heads, width)."""
    if ENGINE != "tensorflow" or adds_biases(plan):
        return None
    return "on TensorFlow, Keras adds the bias of heads of width 1 along the time axis where that is as long"


def adds_biases(plan: LayerPlan) -> bool:
    """Whether `keras.ops.add` on TensorFlow adds the biases to the heads."""
    biases = [
        plan.weights[f"{part}_bias"].shape for part in ("query", "key", "value") if f"{part}_bias" in plan.weights
    ]
    times = [tensor.shape[1] for call in plan.calls for tensor in symbols((call.args, call.kwargs))]
    return all(broadcasts((None, time, *bias), bias) for bias in biases for time in times)


class MaskedAttention(Nested, keras.layers.MultiHeadAttention):
    """Attention whose places that may look nowhere see zeros, and which has a second derivative on torch."""

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
        training: bool | None = None,
    ) -> Any:
        """(batch, t, features), (batch, s, features) -> (batch, t, outputs)."""
        if ENGINE == "torch" and is_nested():
            named = {"mask": attention_mask, "causal": use_causal_mask}
            return self.of_definition(query, value, key, **named, training=bool(training) and self.trainable)
        if attention_mask is None:
            return super().call(query, value, key=key, use_causal_mask=use_causal_mask, training=training)
        if use_causal_mask:
            t, s = (keras.ops.arange(keras.ops.shape(x)[1], dtype="int64") for x in (query, value))
            before = keras.ops.less_equal(keras.ops.expand_dims(s, 0), keras.ops.expand_dims(t, 1))  # (t, s)
            attention_mask = keras.ops.logical_and(attention_mask, keras.ops.expand_dims(before, 0))
        somewhere = keras.ops.any(attention_mask, axis=-1, keepdims=True)  # (batch, t, 1)
        # such a place looks everywhere, and what it sees is then put aside
        allowed = keras.ops.logical_or(attention_mask, keras.ops.logical_not(somewhere))  # (batch, t, s)
        y = super().call(query, value, key=key, attention_mask=allowed, training=training)  # (batch, t, outputs)
        bias = self.output_dense.bias
        return keras.ops.where(somewhere, y, 0.0 if bias is None else keras.ops.convert_to_tensor(bias))


def make_attention(plan: LayerPlan) -> Any:
    """Kernels (features, heads, key_dim) and (heads, value_dim, outputs), as in Keras."""
    layer: MultiHeadAttention = plan.layer  # type: ignore[assignment]
    masked = any(plan.arguments(call).get("mask") is not None for call in plan.calls)
    native = (MaskedAttention if masked or nested_attention(plan) else keras.layers.MultiHeadAttention)(
        layer.num_heads,
        layer.key_dim,
        value_dim=layer.value_dim,
        use_bias=layer.use_bias,
        output_shape=plan.weights["output_kernel"].shape[-1],
        dropout=layer.dropout,  # in a file that Keras reads; here the definition serves a layer that drops
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
    return native(query, value, key=key, attention_mask=mask, use_causal_mask=causal)


def attention_slots(plan: LayerPlan, native: Any) -> dict[str, Slot]:
    """query_kernel is the kernel of query_dense, and so on."""
    parts = {name: name.split("_") for name in plan.weights}
    return {name: Slot(native, f"{which}_dense.{what}") for name, (which, what) in parts.items()}


def nested_attention(plan: LayerPlan) -> str | None:
    """On torch, Keras attends with torch's own function."""
    return "torch's fused attention has no second derivative" if ENGINE == "torch" else None


TABLE: dict[type, Lowering] = {
    MultiHeadAttention: Lowering(
        make_attention, call_attention, attention_slots, refuses_attention, nested=nested_attention
    )
}
