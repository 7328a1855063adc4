"""LSTM: Keras' own."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers.core import activation_name, common
from unidl.backends.keras.weight import Slot
from unidl.backends.lowering import Lowering, refuses_integers
from unidl.description.plan import Call, LayerPlan
from unidl.layers import LSTM


def given(plan: LayerPlan, call: Call) -> set[str]:
    """The names of a call's inputs that are not None."""
    return {name for name, value in plan.arguments(call).items() if value is not None}


def refuses_lstm(plan: LayerPlan) -> str | None:
    """Keras gives zeros before the first step that counts, even beside an initial state."""
    layer: LSTM = plan.layer  # type: ignore[assignment]
    if None in (activation_name(layer.activation, plan), activation_name(layer.recurrent_activation, plan)):
        return "keras.activations has none that computes its activation"
    for names in (given(plan, call) for call in plan.calls):
        if "initial_state" in names and names & {"mask", "lengths"}:
            return "keras.layers.LSTM gives zeros, not the initial state, before the first step that counts"
    return refuses_integers(plan)


class MaskedLSTM(keras.layers.LSTM):
    """An LSTM that takes lengths too, and does not hand its mask on to the layers behind it."""

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, lengths: Any = None, training: bool = False
    ) -> Any:
        """(batch, time, inputs) -> as the layer is configured."""
        if lengths is not None:
            steps = keras.ops.arange(keras.ops.shape(sequences)[1], dtype="int64")  # (time,)
            lengths = keras.ops.expand_dims(keras.ops.cast(lengths, "int64"), 1)  # (batch, 1)
            mask = keras.ops.less(keras.ops.expand_dims(steps, 0), lengths)  # (batch, time)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None, **_: Any) -> Any:
        """As without lengths."""
        return super().compute_output_shape(sequences_shape, initial_state_shape)

    def compute_mask(self, *_: Any) -> None:
        """None: a mask is given to each layer that is to have one."""


def make_lstm(plan: LayerPlan) -> Any:
    """kernel (inputs, 4 * units) and one bias, as in Keras; the gates have the same order."""
    layer: LSTM = plan.layer  # type: ignore[assignment]
    cls = MaskedLSTM if any({"mask", "lengths"} & given(plan, call) for call in plan.calls) else keras.layers.LSTM
    return cls(
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
    state = None if initial_state is None else list(initial_state)
    masks = {name: value for name, value in (("mask", mask), ("lengths", lengths)) if value is not None}
    result = native(x, initial_state=state, **masks)
    return tuple(result) if layer.return_state else result


def lstm_slots(plan: LayerPlan, native: Any) -> dict[str, Slot]:
    """The cell's variables."""
    return {name: Slot(native, f"cell.{name}") for name in plan.weights}


TABLE: dict[type, Lowering] = {LSTM: Lowering(make_lstm, call_lstm, lstm_slots, refuses_lstm)}
