"""LSTM and MultiHeadAttention: Keras' own layers, with what a mask means in unidl written behind them."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.backends.keras.layers.attention import adds_biases
from unidl.backends.keras.source.layers import activation
from unidl.codegen.calls import call
from unidl.codegen.code import Code, names_in
from unidl.codegen.language import Arrays, Calling, Making, Row
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.graph.spec import TensorSpec
from unidl.layers import LSTM, MultiHeadAttention

# -- LSTM --------------------------------------------------------------------------------------------------------------------


MASKED_LSTM = '''
@keras.saving.register_keras_serializable()
class MaskedLSTM(layers.LSTM):
    """An LSTM whose mask does not reach the layers behind it."""

    def compute_mask(self, *_):
        return None
'''


def _lstm(m: Making) -> str:
    layer = m.layer
    calls = [m.plan.arguments(call) for call in m.plan.calls]
    masked = any(given.get(name) is not None for given in calls for name in ("mask", "lengths"))
    if masked and layer.return_sequences:
        m.author.helper("MaskedLSTM", MASKED_LSTM)
    return call(
        "MaskedLSTM" if masked and layer.return_sequences else "layers.LSTM",
        layer.units,
        activation=activation(m, layer.activation, ops.tanh),
        recurrent_activation=activation(m, layer.recurrent_activation, ops.sigmoid),
        use_bias=None if layer.use_bias else False,
        unit_forget_bias=None if layer.unit_forget_bias or not layer.use_bias else False,
        return_sequences=layer.return_sequences or None,
        return_state=layer.return_state or None,
        go_backwards=layer.go_backwards or None,
        name=m.name,
    ).text


def _lstm_call(c: Calling) -> Any:
    mask, lengths, state = (c.args.get(name) for name in ("mask", "lengths", "initial_state"))
    batch, time = c.x.shape[:2]
    if lengths is not None:
        steps = call("ops.arange", c.scope.language.length(c.x, 1) if time is None else time, dtype=lengths.dtype)
        below = call("ops.less", steps, call("ops.expand_dims", lengths, 1))
        mask = c.scope.assign("mask", below, TensorSpec((batch, time), "bool"))
    initial = None if state is None else list(state)
    code = c.of(c.x, initial_state=initial, mask=mask)
    layer = c.layer
    if mask is None or state is None:
        return code
    # before the first step that counts Keras gives zeros, unidl the state
    outputs = c.outputs if layer.return_state else [c.outputs]
    names = [c.scope.name(hint) for hint in ("y", "h", "c")[: len(outputs)]]
    c.scope.say(f"{', '.join(names)} = {code}")
    c.scope.say("", "before the first step that counts Keras gives zeros, unidl the initial state")
    if layer.return_sequences:
        counted = f"ops.flip({mask}, 1)" if layer.go_backwards else f"{mask}"
        begun = Code(f'ops.cumsum(ops.cast({counted}, "int32"), axis=1) > 0', 2)
        started = c.scope.assign("begun", begun, TensorSpec((batch, time), "bool"))
        y = Code(f"ops.where({started:a}[:, :, None], {names[0]}, {state[0]:a}[:, None])")
    else:
        started = c.scope.assign("begun", Code(f"ops.any({mask}, axis=1)"), TensorSpec((batch,), "bool"))
        y = Code(f"ops.where({started:a}[:, None], {names[0]}, {state[0]})")
    y = Code(y.text, names=y.names | names_in(list(state)) | frozenset(names))
    return [y, *(Code(name, names=frozenset([name])) for name in names[1:])] if layer.return_state else y


def _lstm_arrays(plan: LayerPlan, w: Arrays) -> Arrays:
    return {f"lstm_cell/{name}": array for name, array in w.items()}


# -- attention ---------------------------------------------------------------------------------------------------------------


def _serves_attention(plan: LayerPlan) -> bool:
    """Keras looks everywhere where a single head may look nowhere, and on TensorFlow adds some biases along another axis."""
    masks = [mask for call in plan.calls for mask in symbols(plan.arguments(call).get("mask"))]
    return all(len(mask.shape) == 3 for mask in masks) and adds_biases(plan)


MASKED = '''
@keras.saving.register_keras_serializable()
class MaskedAttention(layers.MultiHeadAttention):
    """Attention in which a place that may look nowhere sees zeros.

    Keras lets such a place look everywhere.
    """

    def call(
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
        )
        bias = self.output_dense.bias if self.use_bias else 0.0
        return ops.where(somewhere, y, bias)
'''


def _is_masked(plan: LayerPlan) -> bool:
    return any(plan.arguments(call).get("mask") is not None for call in plan.calls)


def _attention(m: Making) -> str:
    layer = m.layer
    features, outputs = m.plan.weights["query_kernel"].shape[0], m.plan.weights["output_kernel"].shape[-1]
    masked = _is_masked(m.plan)
    if masked:
        m.author.helper("MaskedAttention", MASKED)
    return call(
        "MaskedAttention" if masked else "layers.MultiHeadAttention",
        layer.num_heads,
        layer.key_dim,
        value_dim=layer.value_dim if layer.value_dim != layer.key_dim else None,
        dropout=layer.dropout or None,
        use_bias=None if layer.use_bias else False,
        output_shape=outputs if outputs != features else None,
        name=m.name,
    ).text


def _attention_arrays(plan: LayerPlan, w: Arrays) -> Arrays:
    names = {"query": "query", "key": "key", "value": "value", "output": "attention_output"}
    return {f"{names[which]}/{what}": array for (which, what), array in ((n.split("_"), a) for n, a in w.items())}


def _attention_call(c: Calling) -> Any:
    query, causal = c.args["query"], c.args.get("causal", False) or None
    value, key, mask = c.args.get("value", query), c.args.get("key"), c.args.get("mask")
    if not _is_masked(c.plan):
        return c.of(query, value, key=key, use_causal_mask=causal)
    return c.of(query, value, key=key, attention_mask=mask, use_causal_mask=causal)


SEQUENCES: dict[type, Row] = {
    LSTM: Row(_lstm_call, _lstm, _lstm_arrays, reads=lambda plan, name, me: f"{me}.cell.{name}"),
    MultiHeadAttention: Row(
        _attention_call,
        _attention,
        _attention_arrays,
        trains=lambda plan: plan.layer.dropout > 0,  # type: ignore[attr-defined]
        serves=_serves_attention,
        reads=lambda plan, name, me: f"{me}.{name.replace('_', '_dense.')}",
    ),
}
