"""LSTM: Keras' own."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers.core import activation_name, common
from unidl.backends.keras.weight import Slot
from unidl.backends.lowering import Lowering
from unidl.description.plan import LayerPlan
from unidl.layers import LSTM


def refuses_lstm(plan: LayerPlan) -> str | None:
    """Keras gives zeros before the first step that counts, even beside an initial state."""
    layer: LSTM = plan.layer  # type: ignore[assignment]
    if None in (activation_name(layer.activation, plan), activation_name(layer.recurrent_activation, plan)):
        return "keras.activations has none that computes its activation"
    for call in plan.calls:
        given = {name for name, value in plan.arguments(call).items() if value is not None}
        if "initial_state" in given and given & {"mask", "lengths"}:
            return "keras.layers.LSTM gives zeros, not the initial state, before the first step that counts"
    return None


def make_lstm(plan: LayerPlan) -> Any:
    """kernel (inputs, 4 * units) and one bias, as in Keras; the gates have the same order."""
    layer: LSTM = plan.layer  # type: ignore[assignment]
    return keras.layers.LSTM(
        layer.units,
        activation=activation_name(layer.activation, plan),
        recurrent_activation=activation_name(layer.recurrent_activation, plan),
        use_bias=layer.use_bias,
        unit_forget_bias=layer.unit_forget_bias,
        return_sequences=layer.return_sequences,
        return_state=layer.return_state,
        go_backwards=layer.go_backwards,
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        **common(plan),
    )


def call_lstm(
    layer: LSTM, native: Any, x: Any, initial_state: Any = None, mask: Any = None, lengths: Any = None
) -> Any:
    """(batch, time, inputs) -> (batch, units) or (batch, time, units), and the state."""
    if lengths is not None:
        steps = keras.ops.arange(keras.ops.shape(x)[1], dtype="int64")  # (time,)
        mask = steps[None, :] < keras.ops.cast(lengths, "int64")[:, None]  # (batch, time)
    state = None if initial_state is None else list(initial_state)
    result = native(x, initial_state=state, mask=mask)
    return tuple(result) if layer.return_state else result


def lstm_slots(plan: LayerPlan, native: Any) -> dict[str, Slot]:
    """The cell's variables."""
    return {name: Slot(native, f"cell.{name}") for name in plan.weights}


TABLE: dict[type, Lowering] = {LSTM: Lowering(make_lstm, call_lstm, lstm_slots, refuses_lstm)}
