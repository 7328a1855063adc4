"""MultiHeadAttention: Keras' own, which never sees a place that may look nowhere."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.binding import Nested
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.layers.core import of_float64, of_integers
from unidl.backends.keras.ops.arithmetic import broadcasts
from unidl.backends.lowering import always
from unidl.description.plan import LayerPlan
from unidl.graph.nesting import is_nested
from unidl.graph.node import symbols
from unidl.layers import MultiHeadAttention
from unidl.native.row import Difference, Native
from unidl.native.tie import Tie

layers, ops = keras.layers, keras.ops  # as in the source code that has the class


class MaskedAttention(layers.MultiHeadAttention):  # type: ignore[name-defined, misc]
    """Attention in which a place that may look nowhere sees zeros.

    Keras lets such a place look everywhere.
    """

    def call(  # type: ignore[no-untyped-def]
        self,
        query,
        value,
        key=None,
        attention_mask=None,
        use_causal_mask=False,
        training=None,
    ):
        allowed = attention_mask  # (batch, t, s)
        if use_causal_mask:
            t, s = ops.shape(query)[1], ops.shape(value)[1]
            allowed = ops.logical_and(allowed, ops.arange(s) <= ops.arange(t)[:, None])
        somewhere = ops.any(allowed, axis=-1, keepdims=True)  # (batch, t, 1)
        allowed = ops.logical_or(allowed, ops.logical_not(somewhere))
        y = super().call(
            query, value, key=key, attention_mask=allowed, training=training
        )  # fmt: skip
        bias = self.output_dense.bias if self.use_bias else 0.0
        return ops.where(somewhere, y, bias)


class NestedAttention(Nested, MaskedAttention):
    """Likewise, with a second derivative, and for no mask, too."""

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
        if is_nested():
            named = {"mask": attention_mask, "causal": use_causal_mask}
            return self.of_definition(query, value, key, **named, training=bool(training) and self.trainable)
        if attention_mask is None:
            own: Any = super(MaskedAttention, self)
            return own.call(query, value, key=key, use_causal_mask=use_causal_mask, training=training)
        masked: Any = super()
        return masked.call(query, value, key, attention_mask, use_causal_mask, training)


def _masks(plan: LayerPlan) -> list[Any]:
    return [mask for call in plan.calls for mask in symbols(plan.arguments(call).get("mask"))]


def _is_masked(plan: LayerPlan) -> bool:
    return bool(_masks(plan))


def _unsupported(plan: LayerPlan) -> str | None:
    """What Keras means differently. It adds each bias, (heads, width), to (batch, time, heads, width)."""
    if any(len(mask.shape) == 4 for mask in _masks(plan)):
        return "keras.layers.MultiHeadAttention looks everywhere where a single head may look nowhere"
    biases = [
        plan.weights[f"{part}_bias"].shape for part in ("query", "key", "value") if f"{part}_bias" in plan.weights
    ]
    times = [tensor.shape[1] for call in plan.calls for tensor in symbols((call.args, call.kwargs))]
    if all(broadcasts((None, time, *bias), bias) for bias in biases for time in times):
        return None
    return "on TensorFlow, Keras adds the bias of heads of width 1 along the time axis where that is as long"


def _differs(plan: LayerPlan) -> list[Difference]:
    """In a mask, in what it rounds, and in dropout, whose generator Keras hides."""
    found = of_float64(plan, "keras.layers.MultiHeadAttention rounds its scale to float32") + of_integers(plan)
    if _is_masked(plan):
        reason = "keras.layers.MultiHeadAttention looks everywhere where a place may look nowhere"
        found.append(Difference("mask", reason, noted=False))  # the class in the file says so
    if plan.attributes["dropout"]:
        reason = "keras.layers.MultiHeadAttention drops by a generator of its own, which no seed reaches"
        found.append(Difference("training", reason, noted=False))
    return found


def _nested(plan: LayerPlan) -> str | None:
    """On torch, Keras attends with torch's own function."""
    return "torch's fused attention has no second derivative" if ENGINE == "torch" else None


def _runs(plan: LayerPlan) -> type | None:
    return NestedAttention if _nested(plan) else MaskedAttention if _is_masked(plan) else None


def _shapes(plan: LayerPlan) -> list[tuple[None, None, int]]:
    return [(None, None, plan.weights[f"{part}_kernel"].shape[0]) for part in ("query", "value", "key")]


def _attention(
    layer: Any, native: Any, query: Any, value: Any = None, key: Any = None, mask: Any = None, causal: bool = False
) -> Any:
    """(batch, t, features), (batch, s, features) -> (batch, t, outputs)."""
    more = {"key": key, "attention_mask": mask, "use_causal_mask": causal or None}
    return native(query, query if value is None else value, **{k: v for k, v in more.items() if v is not None})


def _value_dim(plan: LayerPlan) -> int | None:
    """None where it is the length of the keys."""
    value_dim: int = plan.attributes["value_dim"]
    return None if value_dim == plan.attributes["key_dim"] else value_dim


def _output_shape(plan: LayerPlan) -> int | None:
    """None where it is the query's."""
    features, outputs = plan.weights["query_kernel"].shape[0], plan.weights["output_kernel"].shape[-1]
    return None if outputs == features else outputs


ROWS: dict[type, Native] = {
    MultiHeadAttention: Native(
        lambda plan: "MaskedAttention" if _is_masked(plan) else "layers.MultiHeadAttention",
        {
            "num_heads": "num_heads",
            "key_dim": "key_dim",
            "value_dim": _value_dim,
            "dropout": "dropout",
            "use_bias": "use_bias",
            "output_shape": _output_shape,
        },
        {
            f"{part}_{name}": Tie(f"{part}_dense.{name}")
            for part in ("query", "key", "value", "output")
            for name in ("kernel", "bias")
        },
        positional=2,
        call=_attention,
        unsupported=_unsupported,
        differs=_differs,
        keeps=always,
        nested=_nested,
        runs=_runs,
        repairs=("mask",),
        shapes=_shapes,
    )
}
