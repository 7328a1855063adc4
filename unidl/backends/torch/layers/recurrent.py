"""LSTM: nn.LSTM, whose second bias stays zero. GRU: nn.GRU, whose gates have another order."""

from __future__ import annotations

from typing import Any

import torch

from unidl import ops
from unidl.backends.lowering import always, because, refuses_integers
from unidl.description.plan import LayerPlan
from unidl.graph.spec import TensorSpec
from unidl.layers import GRU, LSTM
from unidl.native.helper import Helper
from unidl.native.row import Fixed, Native, Output, length
from unidl.native.tie import Tie

ARGUMENTS = {
    "input_size": length("kernel", 0),
    "hidden_size": "units",
    "bias": "use_bias",
    "batch_first": (True,),
}


def unsupported(plan: LayerPlan) -> str | None:
    """torch has one pair of activations, and no mask."""
    layer: Any = plan.layer
    if layer.activation is not ops.tanh or layer.recurrent_activation is not ops.sigmoid:
        return f"torch.nn.{plan.kind} has no activations but tanh and sigmoid"
    calls = [plan.arguments(call) for call in plan.calls]
    if any(arguments.get("mask") is not None for arguments in calls):
        return f"torch.nn.{plan.kind} knows no mask"
    if any(arguments.get("lengths") is not None for arguments in calls) and (layer.return_state or layer.go_backwards):
        return f"torch.nn.{plan.kind} does not tell the state at each example's own length"
    return refuses_integers(plan)


def held(sequence, lengths, first=None):  # type: ignore[no-untyped-def]
    """Outputs (batch, time, units) as if each example stopped at its own length.

    The result has one step more in front: the state before the first.
    """
    start = torch.zeros_like(sequence[:, :1]) if first is None else first[:, None]
    states = torch.cat([start, sequence], dim=1)  # (batch, 1 + time, units)
    steps = torch.arange(states.shape[1], device=lengths.device)  # (1 + time,)
    last = torch.minimum(steps, lengths.long().clamp(min=0)[:, None])
    return states.gather(1, last[:, :, None].expand(-1, -1, states.shape[2]))


def _one_more(sequence: Any, *_: Any) -> TensorSpec:
    batch, time, units = sequence.shape
    return TensorSpec((batch, None if time is None else time + 1, units), sequence.dtype)


HELD = Helper(held, _one_more)

# -- LSTM --------------------------------------------------------------------------------------------------------------------


def _lstm(layer: Any, native: Any, x: Any, initial_state: Any = None, mask: None = None, lengths: Any = None) -> Any:
    """(batch, time, inputs) -> (batch, units) or (batch, time, units), and the state."""
    if layer.go_backwards:
        x = ops.flip(x, axis=1)
    if initial_state is None:
        sequence, (h, c) = native(x)  # (batch, time, units), (1, batch, units), (1, batch, units)
    else:
        sequence, (h, c) = native(x, tuple(part[None] for part in initial_state))
    if lengths is not None:
        states = HELD(sequence, lengths, *([] if initial_state is None else initial_state[:1]))
        return states[:, 1:] if layer.return_sequences else states[:, -1]
    y = sequence if layer.return_sequences else h[0]
    return (y, h[0], c[0]) if layer.return_state else y


def _outputs(plan: LayerPlan, x: Any, *_: Any) -> Any:
    batch, time = x.shape[:2]
    units = plan.attributes["units"]
    state = TensorSpec((1, batch, units), plan.dtype)
    return Output("sequence", TensorSpec((batch, time, units), plan.dtype)), (Output("h", state), Output("c", state))


def _second_bias(plan: LayerPlan) -> dict[str, Fixed]:
    """Trained too, the sum of both biases would move twice as far."""
    if not plan.attributes["use_bias"]:
        return {}
    return {"bias_hh_l0": Fixed(0.0, "two biases; only their sum counts, so the second one stays 0")}


LSTM_ROW = Native(
    "nn.LSTM",
    ARGUMENTS,
    {
        "kernel": Tie("weight_ih_l0", "g i -> i g"),
        "recurrent_kernel": Tie("weight_hh_l0", "g h -> h g"),
        "bias": (Tie("bias_ih_l0"), Tie("bias_hh_l0")),
    },
    positional=2,
    fixed=_second_bias,
    call=_lstm,
    outputs=_outputs,
    unsupported=unsupported,
    keeps=always,
    nested=because("torch's fused LSTM has no second derivative with oneDNN and cuDNN"),
)

# -- GRU ---------------------------------------------------------------------------------------------------------------------

_GATES = {"g": ("rzn", "zrn")}


def _gru(layer: Any, native: Any, x: Any, initial_state: Any = None, mask: None = None, lengths: Any = None) -> Any:
    """(batch, time, inputs) -> (batch, units) or (batch, time, units), and the state."""
    if layer.go_backwards:
        x = ops.flip(x, axis=1)
    sequence, h = native(x) if initial_state is None else native(x, initial_state[None])  # h: (1, batch, units)
    if lengths is not None:
        states = HELD(sequence, lengths, *([] if initial_state is None else [initial_state]))
        return states[:, 1:] if layer.return_sequences else states[:, -1]
    y = sequence if layer.return_sequences else h[0]
    return (y, h[0]) if layer.return_state else y


def _gru_outputs(plan: LayerPlan, x: Any, *_: Any) -> Any:
    sequence, (h, _) = _outputs(plan, x)
    return sequence, h


GRU_ROW = Native(
    "nn.GRU",
    ARGUMENTS,
    {
        "kernel": Tie("weight_ih_l0", "(g u) i -> i (g u)", order=_GATES),
        "recurrent_kernel": Tie("weight_hh_l0", "(g u) h -> h (g u)", order=_GATES),
        "bias": Tie("bias_ih_l0", "(g u) -> (g u)", order=_GATES),
        "recurrent_bias": Tie("bias_hh_l0", "(g u) -> (g u)", order=_GATES),
    },
    positional=2,
    call=_gru,
    outputs=_gru_outputs,
    unsupported=unsupported,
    keeps=always,
    nested=because("torch's fused GRU has no second derivative with oneDNN and cuDNN"),
)

ROWS: dict[type, Native] = {LSTM: LSTM_ROW, GRU: GRU_ROW}
