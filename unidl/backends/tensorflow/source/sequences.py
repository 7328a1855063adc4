"""LSTM and MultiHeadAttention in TensorFlow."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.backends.tensorflow.source.layers import as_they_are, helped, reads
from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.language import Calling, Making, Row
from unidl.graph.spec import TensorSpec
from unidl.layers import LSTM, MultiHeadAttention

STEPS = '''
class LSTM(tf.Module):
    """An LSTM; gates in the order input, forget, candidate, output.

    Where a mask is False the state stays as it is, and is that step's output.
    """

    def __init__(
        self, inputs, units, use_bias=True, activation=tf.tanh, gate=tf.sigmoid
    ):
        super().__init__()
        self.units, self.activation, self.gate = units, activation, gate
        self.kernel = tf.Variable(glorot_uniform([inputs, 4 * units]))
        self.recurrent_kernel = tf.Variable(glorot_uniform([units, 4 * units]))
        forget = [0.0] * units + [1.0] * units + [0.0] * (2 * units)
        self.bias = tf.Variable(forget) if use_bias else None

    def __call__(self, x, state=None, mask=None):
        """(batch, time, inputs) -> (batch, time, units), and the last (h, c)."""
        gates = x @ self.kernel  # (batch, time, 4 * units)
        if self.bias is not None:
            gates += self.bias
        if state is None:
            zeros = tf.zeros([tf.shape(x)[0], self.units], x.dtype)
            state = (zeros, zeros)
        if mask is None:
            mask = tf.ones(tf.shape(x)[:2], tf.bool)

        def step(state, inputs):
            (h, c), (projected, counts) = state, inputs
            z = projected + h @ self.recurrent_kernel  # (batch, 4 * units)
            i, f, g, o = tf.split(z, 4, axis=-1)
            new_c = self.gate(f) * c + self.gate(i) * self.activation(g)
            new_h = self.gate(o) * self.activation(new_c)
            counts = counts[:, None]  # (batch, 1)
            return tf.where(counts, new_h, h), tf.where(counts, new_c, c)

        inputs = (tf.transpose(gates, [1, 0, 2]), tf.transpose(mask))  # time first
        h, c = tf.scan(step, inputs, tuple(state))  # (time, batch, units)
        return tf.transpose(h, [1, 0, 2]), (h[-1], c[-1])
'''


def _lstm(m: Making) -> str:
    layer = m.layer
    return call(
        helped(m, "LSTM", STEPS),
        m.length("kernel", 0),
        layer.units,
        use_bias=None if layer.use_bias else False,
        activation=_function(m, layer.activation, ops.tanh),
        gate=_function(m, layer.recurrent_activation, ops.sigmoid),
    ).text


_NAMED = {
    ops.relu: "tf.nn.relu", ops.sigmoid: "tf.sigmoid", ops.tanh: "tf.tanh", ops.relu6: "tf.nn.relu6",
    ops.elu: "tf.nn.elu", ops.silu: "tf.nn.silu", ops.selu: "tf.nn.selu", ops.softplus: "tf.nn.softplus",
}  # fmt: skip


def _function(m: Making, function: Any, usual: Any) -> Code | None:
    """An activation as a function of TensorFlow, or of the file."""
    if function is usual:
        return None
    if function in _NAMED:
        return Code(_NAMED[function])
    name = str(getattr(function, "name", None) or getattr(function, "__name__", "activation"))
    return Code(m.author.function(function, TensorSpec((None, m.layer.units), m.plan.dtype), name))


def _lstm_call(c: Calling) -> Any:
    layer, scope, x = c.layer, c.scope, c.x
    mask, lengths, state = (c.args.get(name) for name in ("mask", "lengths", "initial_state"))
    batch, time = x.shape[:2]
    if lengths is not None:
        below = call("tf.sequence_mask", lengths, Code(f"tf.shape({x})[1]") if time is None else time)
        mask = scope.assign("mask", below, TensorSpec((batch, time), "bool"))
    if layer.go_backwards:
        x = scope.assign("backwards", call("tf.reverse", x, [1]), x.spec)
        mask = None if mask is None else scope.assign("mask", call("tf.reverse", mask, [1]), mask.spec)
    initial = None if state is None else tuple(state)
    code = c.of(x, state=initial, mask=mask)
    if layer.return_sequences and not layer.return_state:
        return Code(f"{code}[0]", names=code.names)
    y, h, cell = (scope.name(hint) for hint in ("sequence", "h", "c"))
    target = f"{y if layer.return_sequences else '_'}, ({h}, {cell if layer.return_state else '_'})"
    scope.say(f"{target} = {code}")
    first = Code(y if layer.return_sequences else h)
    return [first, Code(h), Code(cell)] if layer.return_state else first


ATTENTION = '''
class MultiHeadAttention(tf.Module):
    """Scaled dot products of queries and keys, for each head.

    A place that may look nowhere sees zeros.
    """

    def __init__(
        self, features, heads, key_dim, value_dim, outputs, use_bias=True, dropout=0.0
    ):
        super().__init__()
        self.key_dim, self.dropout = key_dim, dropout
        query, key, value = features
        self.query_kernel = tf.Variable(glorot_uniform([query, heads, key_dim]))
        self.key_kernel = tf.Variable(glorot_uniform([key, heads, key_dim]))
        self.value_kernel = tf.Variable(glorot_uniform([value, heads, value_dim]))
        self.output_kernel = tf.Variable(glorot_uniform([heads, value_dim, outputs]))
        self.use_bias = use_bias
        if use_bias:
            self.query_bias = tf.Variable(tf.zeros([heads, key_dim]))
            self.key_bias = tf.Variable(tf.zeros([heads, key_dim]))
            self.value_bias = tf.Variable(tf.zeros([heads, value_dim]))
            self.output_bias = tf.Variable(tf.zeros([outputs]))

    def __call__(
        self, query, value=None, key=None, mask=None, causal=False, training=False
    ):
        """(batch, t, features), (batch, s, features) -> (batch, t, outputs)."""
        value = query if value is None else value
        key = value if key is None else key
        q = tf.einsum("btf,fhd->bhtd", query, self.query_kernel)
        k = tf.einsum("bsf,fhd->bhsd", key, self.key_kernel)
        v = tf.einsum("bsf,fhd->bhsd", value, self.value_kernel)
        if self.use_bias:
            q += self.query_bias[:, None]
            k += self.key_bias[:, None]
            v += self.value_bias[:, None]
        scores = tf.einsum("bhtd,bhsd->bhts", q / math.sqrt(self.key_dim), k)
        allowed = None  # broadcasts against (batch, heads, t, s)
        if mask is not None:
            allowed = mask if mask.shape.rank == 4 else mask[:, None]
        if causal:
            t, s = tf.range(tf.shape(query)[1]), tf.range(tf.shape(value)[1])
            before = s <= t[:, None]  # (t, s)
            allowed = before if allowed is None else allowed & before
        if allowed is None:
            p = tf.nn.softmax(scores)
        else:
            p = tf.where(allowed, tf.nn.softmax(tf.where(allowed, scores, -1e30)), 0.0)
        if training and self.dropout:
            p = tf.nn.dropout(p, self.dropout)
        y = tf.einsum("bhts,bhsd->bhtd", p, v)
        y = tf.einsum("bhtd,hdo->bto", y, self.output_kernel)
        return y + self.output_bias if self.use_bias else y
'''


def _attention(m: Making) -> str:
    layer = m.layer
    features = tuple(m.length(f"{part}_kernel", 0) for part in ("query", "key", "value"))
    return call(
        helped(m, "MultiHeadAttention", ATTENTION),
        features,
        layer.num_heads,
        layer.key_dim,
        layer.value_dim,
        m.length("output_kernel", 2),
        use_bias=None if layer.use_bias else False,
        dropout=layer.dropout or None,
    ).text


def _attention_call(c: Calling) -> Code:
    given = {name: c.args.get(name) for name in ("key", "mask")}
    causal = c.args.get("causal", False) or None
    training = Code("training") if c.layer.dropout else None
    first = [c.args[name] for name in ("query", "value") if name in c.args]
    return c.of(*first, **given, causal=causal, training=training)


SEQUENCES: dict[type, Row] = {
    LSTM: Row(_lstm_call, _lstm, as_they_are, reads=reads),
    MultiHeadAttention: Row(
        _attention_call,
        _attention,
        as_they_are,
        trains=lambda plan: plan.layer.dropout > 0,  # type: ignore[attr-defined]
        reads=reads,
    ),
}
