"""LSTM: nn.LSTM, whose second bias stays zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from unidl.backends.lowering import Lowering, always, because, refuses_integers
from unidl.backends.torch.layers.core import dtype_of
from unidl.backends.torch.weight import Slot, transposed
from unidl.description.plan import LayerPlan
from unidl.layers import LSTM
from unidl.ops import sigmoid, tanh


def refuses_lstm(plan: LayerPlan) -> str | None:
    """torch has one pair of activations, and no mask."""
    layer: LSTM = plan.layer  # type: ignore[assignment]
    if layer.activation is not tanh or layer.recurrent_activation is not sigmoid:
        return "torch.nn.LSTM has no activations but tanh and sigmoid"
    calls = [plan.arguments(call) for call in plan.calls]
    if any(arguments.get("mask") is not None for arguments in calls):
        return "torch.nn.LSTM knows no mask"
    if any(arguments.get("lengths") is not None for arguments in calls) and (layer.return_state or layer.go_backwards):
        return "torch.nn.LSTM does not tell the state at each example's own length"
    return refuses_integers(plan)


def make_lstm(plan: LayerPlan) -> nn.LSTM:
    """kernel (inputs, 4 * units) -> weight_ih_l0 (4 * units, inputs); the gates have the same order."""
    layer: LSTM = plan.layer  # type: ignore[assignment]
    module = nn.LSTM(
        plan.weights["kernel"].shape[0],
        layer.units,
        bias="bias" in plan.weights,
        batch_first=True,
        dtype=dtype_of(plan),
    )
    if module.bias:
        module.bias_hh_l0.requires_grad_(False)  # trained too, the sum of both biases would move twice as far
    return module


def absorb_lstm(module: nn.LSTM) -> None:
    """torch's second bias, which somebody trained, joins the first."""
    if module.bias:
        with torch.no_grad():
            module.bias_ih_l0.add_(module.bias_hh_l0)
            module.bias_hh_l0.zero_()


def call_lstm(
    layer: LSTM, module: nn.LSTM, x: torch.Tensor, initial_state: Any = None, mask: None = None, lengths: Any = None
) -> Any:
    """(batch, time, inputs) -> (batch, units) or (batch, time, units), and the state."""
    if layer.go_backwards:
        x = x.flip(1)
    state = (
        None if initial_state is None else tuple(part.unsqueeze(0) for part in initial_state)
    )  # each (1, batch, units)
    sequence, (h, c) = module(x, state)  # (batch, time, units), (1, batch, units), (1, batch, units)
    if lengths is None:
        y = sequence if layer.return_sequences else h[0]
        return (y, h[0], c[0]) if layer.return_state else y
    return _held(layer, sequence, lengths, None if state is None else state[0][0])


def _held(layer: LSTM, sequence: torch.Tensor, lengths: torch.Tensor, first: torch.Tensor | None) -> torch.Tensor:
    """The outputs as they are when each example keeps its h after its own length."""
    start = torch.zeros_like(sequence[:, 0]) if first is None else first  # (batch, units)
    states = torch.cat([start.unsqueeze(1), sequence], dim=1)  # (batch, 1 + time, units): h after 0, 1, … steps
    lengths = lengths.long().clamp(0, sequence.shape[1]).unsqueeze(1)  # (batch, 1)
    steps = torch.arange(1, states.shape[1], device=lengths.device).unsqueeze(0)  # (1, time)
    last = torch.minimum(steps, lengths) if layer.return_sequences else lengths  # (batch, time) or (batch, 1)
    index = last.unsqueeze(-1).expand(
        -1, -1, states.shape[2]
    )  # torch.export makes constants of take_along_dim's lengths
    y = states.gather(1, index)  # (batch, time, units) or (batch, 1, units)
    return y if layer.return_sequences else y[:, 0]


def lstm_slots(plan: LayerPlan, module: nn.LSTM) -> dict[str, Slot]:
    """Both kernels transposed; bias_hh_l0 is no weight of the layer and stays zero."""
    slots = {
        "kernel": Slot(module, "weight_ih_l0", transposed),
        "recurrent_kernel": Slot(module, "weight_hh_l0", transposed),
    }
    if "bias" in plan.weights:
        slots["bias"] = Slot(module, "bias_ih_l0")
    return slots


TABLE: dict[type, Lowering] = {
    LSTM: Lowering(
        make_lstm,
        call_lstm,
        lstm_slots,
        refuses_lstm,
        absorb_lstm,
        keeps=always,
        nested=because("torch's fused LSTM has no second derivative with oneDNN and cuDNN"),
    )
}
