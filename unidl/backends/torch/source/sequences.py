"""LSTM and MultiHeadAttention in torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.codegen.calls import binary, call
from unidl.codegen.code import Code, Value
from unidl.codegen.language import Arrays, Calling, Making, Row
from unidl.codegen.literals import literal
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.graph.spec import TensorSpec
from unidl.layers import LSTM, MultiHeadAttention

# -- LSTM --------------------------------------------------------------------------------------------------------------------


def _calls(plan: LayerPlan) -> list[dict[str, Any]]:
    return [{k: v for k, v in plan.arguments(call).items() if v is not None} for call in plan.calls]


def _is_fused(plan: LayerPlan) -> bool:
    """Whether nn.LSTM computes it; else a loop over nn.LSTMCell, or over the gates, does."""
    layer: Any = plan.layer
    plain = layer.activation is ops.tanh and layer.recurrent_activation is ops.sigmoid
    return plain and not any("mask" in given or ("lengths" in given and _needs_states(layer)) for given in _calls(plan))


def _needs_states(layer: Any) -> bool:
    return bool(layer.return_state or layer.go_backwards)


STEPS = '''
class StepwiseLSTM(nn.Module):
    """An LSTM, step by step: any activations, and a mask that says which steps count.

    Weights as in nn.LSTM, with one bias; gates: input, forget, candidate, output.
    """

    def __init__(
        self, inputs, units, bias=True, activation=torch.tanh, gate=torch.sigmoid
    ):
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(4 * units, inputs))
        self.weight_hh = nn.Parameter(torch.empty(4 * units, units))
        self.bias = nn.Parameter(torch.zeros(4 * units)) if bias else None
        self.activation, self.gate = activation, gate
        nn.init.xavier_uniform_(self.weight_ih)
        nn.init.orthogonal_(self.weight_hh)

    def forward(self, x, state=None, mask=None):
        """(batch, time, inputs) -> (batch, time, units), and the last (h, c)."""
        if state is None:
            zeros = x.new_zeros(x.shape[0], self.weight_hh.shape[1])  # (batch, units)
            state = (zeros, zeros)
        h, c = state
        outputs = []
        for t, projected in enumerate(F.linear(x, self.weight_ih, self.bias).unbind(1)):
            gates = projected + F.linear(h, self.weight_hh)  # (batch, 4 * units)
            i, f, g, o = gates.chunk(4, dim=1)
            new_c = self.gate(f) * c + self.gate(i) * self.activation(g)
            new_h = self.gate(o) * self.activation(new_c)
            if mask is not None:  # where False, the state stays as it was
                counts = mask[:, t, None]  # (batch, 1)
                new_h = torch.where(counts, new_h, h)
                new_c = torch.where(counts, new_c, c)
            h, c = new_h, new_c
            outputs.append(h)
        return torch.stack(outputs, dim=1), (h, c)
'''


def _lstm(m: Making) -> str:
    layer = m.layer
    inputs, units = m.length("kernel", 0), layer.units
    if _is_fused(m.plan):
        if layer.use_bias:
            m.note = "two biases; only their sum counts, so the second one stays 0"
            m.after += ["nn.init.zeros_({me}.bias_hh_l0).requires_grad_(False)"]
        bias = None if layer.use_bias else False
        return call("nn.LSTM", inputs, units, bias=bias, batch_first=True).text
    m.author.helper("StepwiseLSTM", STEPS)
    return call(
        "StepwiseLSTM",
        inputs,
        units,
        bias=None if layer.use_bias else False,
        activation=_function(m, layer.activation, ops.tanh),
        gate=_function(m, layer.recurrent_activation, ops.sigmoid),
    ).text


def _function(m: Making, function: Any, usual: Any) -> Code | None:
    """An activation as a function of torch, or of the file."""
    if function is usual:
        return None
    named = {ops.relu: "torch.relu", ops.sigmoid: "torch.sigmoid", ops.tanh: "torch.tanh", ops.gelu: "F.gelu",
             ops.hard_sigmoid: "F.hardsigmoid", ops.elu: "F.elu", ops.silu: "F.silu", ops.selu: "F.selu"}  # fmt: skip
    if function in named:
        return Code(named[function])
    name = str(getattr(function, "name", None) or getattr(function, "__name__", "activation"))
    return Code(m.author.function(function, TensorSpec((None, m.layer.units), m.plan.dtype), name))


def _lstm_arrays(plan: LayerPlan, w: Arrays) -> Arrays:
    if not _is_fused(plan):
        found = {"weight_ih": w["kernel"].T, "weight_hh": w["recurrent_kernel"].T}
        return found | ({"bias": w["bias"]} if "bias" in w else {})
    found = {"weight_ih_l0": w["kernel"].T, "weight_hh_l0": w["recurrent_kernel"].T}
    if "bias" in w:
        found |= {"bias_ih_l0": w["bias"], "bias_hh_l0": np.zeros_like(w["bias"])}
    return found


def _lstm_reads(plan: LayerPlan, name: str, me: str) -> str:
    layer = "_l0" if _is_fused(plan) else ""
    if name == "bias":
        return f"{me}.bias_ih{layer}" if layer else f"{me}.bias"
    return f"{me}.weight_{'ih' if name == 'kernel' else 'hh'}{layer}.T"


def _lstm_call(c: Calling) -> Any:
    layer, scope, x = c.layer, c.scope, c.x
    mask, lengths, state = (c.args.get(name) for name in ("mask", "lengths", "initial_state"))
    fused = _is_fused(c.plan)
    batch, time, units = x.shape[0], x.shape[1], layer.units
    if lengths is not None and not fused:
        steps = Code(f"torch.arange({x:a}.shape[1], device={x:a}.device)")
        mask = scope.assign(
            "mask", binary(steps, "<", Code(f"{lengths:a}[:, None]")), TensorSpec((batch, time), "bool")
        )
    if layer.go_backwards:
        x = scope.assign("backwards", Code(f"{x:a}.flip(1)", names=x.code.names), x.spec)
        if mask is not None:
            mask = scope.assign("mask", Code(f"{mask:a}.flip(1)", names=mask.code.names), mask.spec)
    if state is not None:
        parts = [f"{part:a}[None]" if fused else str(part) for part in state]
        state = Code(f"({', '.join(parts)})")
    name, h, cell = scope.name("sequence"), scope.name("h"), scope.name("c")
    wants_h = layer.return_state or (not layer.return_sequences and (lengths is None or not fused))
    only = layer.return_sequences or (lengths is not None and fused)
    given = [x, *([state] if state is not None or mask is not None else [])]
    code = c.of(*given, mask) if mask is not None else c.of(*given)
    target = f"{name if only or not wants_h else '_'}, {f'({h}, {cell if layer.return_state else chr(95)})' if wants_h else '_'}"
    shapes = [f"({'batch' if batch is None else batch}, {'time' if time is None else time}, {units})"] if only else []
    scope.say(f"{target} = {code}", shapes[0] if shapes else "")
    last = Code(f"{h}[0]" if fused else h)
    if fused and lengths is not None:
        return _held(c, name, lengths, state)
    y = Code(name) if layer.return_sequences else last
    return [y, last, Code(f"{cell}[0]" if fused else cell)] if layer.return_state else y


HELD = '''
def held(sequence, lengths, first=None):
    """An LSTM's outputs (batch, time, units) as if each example stopped at its own length.

    The result has one step more in front: the state before the first.
    """
    start = torch.zeros_like(sequence[:, :1]) if first is None else first[:, None]
    states = torch.cat([start, sequence], dim=1)  # (batch, 1 + time, units)
    steps = torch.arange(states.shape[1], device=lengths.device)  # (1 + time,)
    last = torch.minimum(steps, lengths[:, None])  # (batch, 1 + time)
    return states.take_along_dim(last[:, :, None].long(), dim=1)
'''


def _held(c: Calling, sequence: str, lengths: Value, state: Any) -> Code:
    c.scope.author.helper("held", HELD)
    initial = c.args.get("initial_state")
    code = call("held", Code(sequence), lengths, *([initial[0]] if initial is not None else []))
    return Code(f"{code}[:, 1:]" if c.layer.return_sequences else f"{code}[:, -1]")


# -- attention ---------------------------------------------------------------------------------------------------------------


def _serves_attention(plan: LayerPlan) -> bool:
    """torch knows one width: that of the query, of all heads together, and of the output; and no mask for each head."""
    layer: Any = plan.layer
    features, heads, key_dim = plan.weights["query_kernel"].shape
    if not features == heads * key_dim == heads * layer.value_dim == plan.weights["output_kernel"].shape[-1]:
        return False
    masks = [mask for call in plan.calls for mask in symbols(plan.arguments(call).get("mask"))]
    return all(len(mask.shape) == 3 for mask in masks)


def _features(plan: LayerPlan) -> list[int]:
    return [plan.weights[f"{part}_kernel"].shape[0] for part in ("query", "key", "value")]


def _attention(m: Making) -> str:
    layer = m.layer
    features, keys, values = _features(m.plan)
    return call(
        "nn.MultiheadAttention",
        features,
        layer.num_heads,
        dropout=layer.dropout or None,
        bias=None if layer.use_bias else False,
        kdim=None if keys == features else keys,
        vdim=None if values == features else values,
        batch_first=True,
    ).text


def _attention_arrays(plan: LayerPlan, w: Arrays) -> Arrays:
    parts = [w[f"{part}_kernel"].reshape(w[f"{part}_kernel"].shape[0], -1).T for part in ("query", "key", "value")]
    output = w["output_kernel"]
    found = {"out_proj.weight": output.reshape(-1, output.shape[-1]).T}
    if len(set(_features(plan))) == 1:
        found["in_proj_weight"] = np.concatenate(parts)
    else:
        found |= {f"{letter}_proj_weight": part for letter, part in zip("qkv", parts, strict=True)}
    if "output_bias" in w:
        found["out_proj.bias"] = w["output_bias"]
        found["in_proj_bias"] = np.concatenate([w[f"{part}_bias"].ravel() for part in ("query", "key", "value")])
    return found


def _attention_reads(plan: LayerPlan, name: str, me: str) -> str:
    """A part of what is packed, as (features, heads, key_dim) or (heads, key_dim)."""
    heads, width = plan.weights["query_kernel"].shape[1:]
    which, what = name.split("_")
    if which == "output":
        if what == "bias":
            return f"{me}.out_proj.bias"
        return f"{me}.out_proj.weight.unflatten(1, ({heads}, {width})).permute(1, 2, 0)"
    part = ("query", "key", "value").index(which)
    if what == "bias":
        return f"{me}.in_proj_bias.unflatten(0, (3, {heads}, {width}))[{part}]"
    if len(set(_features(plan))) == 1:
        return f"{me}.in_proj_weight.unflatten(0, (3, {heads}, {width}))[{part}].permute(2, 0, 1)"
    return f"{me}.{which[0]}_proj_weight.unflatten(0, ({heads}, {width})).permute(2, 0, 1)"


def _attention_call(c: Calling) -> Any:
    scope, query = c.scope, c.args["query"]
    value = c.args.get("value", query)
    key = c.args.get("key", value)
    mask, causal = c.args.get("mask"), c.args.get("causal", False)
    t, s = query.shape[1], value.shape[1]
    blocked: Any = None
    if causal:
        size = f"{query:a}.shape[1], {value:a}.shape[1]"
        ones = Code(f"torch.ones({size}, dtype=torch.bool, device={query:a}.device)")
        name = "blocked" if mask is None else "before"
        text = f"{ones}.triu(1)" if mask is None else f"{ones}.tril()"
        blocked = scope.assign(name, Code(text), TensorSpec((t, s), "bool"))
        blocked = Value(blocked.code, blocked.spec)
    if mask is None:
        code = c.of(query, key, value, attn_mask=blocked, need_weights=False)
        return Code(f"{code}[0]", names=code.names)
    allowed = mask
    if causal:
        allowed = scope.assign("allowed", Code(f"{mask} & {blocked}", 3), TensorSpec((*query.shape[:2], s), "bool"))
    somewhere = scope.assign(
        "somewhere", Code(f"{allowed:a}.any(dim=-1, keepdim=True)"), TensorSpec((*query.shape[:2], 1), "bool")
    )
    scope.say("", "torch blocks where its mask is True, and gives NaN where all is blocked")
    expanded = f".expand({query:a}.shape[0], {query:a}.shape[1], {value:a}.shape[1])"
    hidden = scope.assign(
        "blocked", Code(f"~({allowed} | ~{somewhere:a}){expanded}"), TensorSpec((*query.shape[:2], s), "bool")
    )
    repeated = Code(f"{hidden:a}.repeat_interleave({literal(c.layer.num_heads)}, dim=0)")
    y = scope.name("attended")
    scope.say(f"{y}, _ = {c.of(query, key, value, attn_mask=repeated, need_weights=False)}")
    nothing = f"{c.me}.out_proj.bias" if c.layer.use_bias else "0.0"
    return Code(f"torch.where({somewhere}, {y}, {nothing})")


SEQUENCES: dict[type, Row] = {
    LSTM: Row(_lstm_call, _lstm, _lstm_arrays, reads=_lstm_reads),
    MultiHeadAttention: Row(
        _attention_call,
        _attention,
        _attention_arrays,
        trains=lambda plan: plan.layer.dropout > 0,  # type: ignore[attr-defined]
        serves=_serves_attention,
        reads=_attention_reads,
    ),
}
