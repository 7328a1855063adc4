"""LSTM and GRU: Keras' own."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers.activation import no_name
from unidl.backends.keras.layers.core import of_integers, same
from unidl.backends.keras.native import activation_name
from unidl.backends.lowering import always
from unidl.description.plan import LayerPlan
from unidl.graph.spec import TensorSpec
from unidl.layers import GRU, LSTM
from unidl.native.helper import Helper
from unidl.native.row import Difference, Native, Output
from unidl.native.tie import Tie
from unidl.ops import flip

layers, ops = keras.layers, keras.ops  # as in the source code that has the class and the helpers


class MaskedLSTM(layers.LSTM):  # type: ignore[name-defined, misc]
    """An LSTM whose mask does not reach the layers behind it."""

    def compute_mask(self, *_):  # type: ignore[no-untyped-def]
        return None


class MaskedGRU(layers.GRU):  # type: ignore[name-defined, misc]
    """A GRU whose mask does not reach the layers behind it."""

    def compute_mask(self, *_):  # type: ignore[no-untyped-def]
        return None


def within(sequence, lengths):  # type: ignore[no-untyped-def]
    """True at the leading steps that count, (batch, time)."""
    steps = ops.cumsum(ops.ones_like(sequence[:, :, 0], dtype="int64"), axis=1)
    return ops.less_equal(steps, ops.expand_dims(ops.cast(lengths, "int64"), 1))


def from_state(y, mask, state):  # type: ignore[no-untyped-def]
    """The initial state before the first step that counts, where Keras gives zeros."""
    if len(y.shape) == 2:
        return ops.where(ops.any(mask, axis=1, keepdims=True), y, state)
    begun = ops.cumsum(ops.cast(mask, "int64"), axis=1) > 0  # (batch, time)
    return ops.where(ops.expand_dims(begun, -1), y, ops.expand_dims(state, 1))


WITHIN = Helper(within, lambda sequence, lengths: TensorSpec(sequence.shape[:2], "bool"))
FROM_STATE = Helper(from_state, lambda y, mask, state: y.spec)


def _recurrent(
    layer: Any, native: Any, x: Any, initial_state: Any = None, mask: Any = None, lengths: Any = None
) -> Any:
    """(batch, time, inputs) -> (batch, units) or (batch, time, units), and the state."""
    if lengths is not None:
        mask = WITHIN(x, lengths)
    masked = {} if mask is None else {"mask": mask}
    if initial_state is None:
        result = native(x, **masked)
        return tuple(result) if layer.return_state else result
    states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
    result = native(x, initial_state=states, **masked)
    if mask is None:
        return tuple(result) if layer.return_state else result
    y, *state = result if layer.return_state else [result]
    backwards = layer.go_backwards and layer.return_sequences
    y = FROM_STATE(y, flip(mask, 1) if backwards else mask, states[0])
    return (y, *state) if layer.return_state else y


def _outputs(plan: LayerPlan, x: Any, **_: Any) -> Any:
    (batch, time), units = x.shape[:2], plan.attributes["units"]
    state = TensorSpec((batch, units), plan.dtype)
    y = Output("y", TensorSpec((batch, time, units), plan.dtype) if plan.attributes["return_sequences"] else state)
    states = [Output(name, state) for name in ("hc" if plan.kind == "LSTM" else "h")]
    return [y, *states] if plan.attributes["return_state"] else y


def masks_on(plan: LayerPlan) -> bool:
    """Whether Keras would hand a mask on to what takes the outputs."""
    calls = [plan.arguments(call) for call in plan.calls]
    masked = any(given.get(name) is not None for given in calls for name in ("mask", "lengths"))
    return masked and bool(plan.attributes["return_sequences"])


def _differs(plan: LayerPlan) -> list[Difference]:
    names = [activation_name(plan.attributes[name], plan) for name in ("activation", "recurrent_activation")]
    own = [no_name("keras.activations has none that computes its activation")] if None in names else []
    return own + of_integers(plan)


ARGUMENTS: dict[str, Any] = same("units", "activation", "recurrent_activation", "use_bias")
RETURNED: dict[str, Any] = same("return_sequences", "return_state", "go_backwards")

ROWS: dict[type, Native] = {
    LSTM: Native(
        lambda plan: "MaskedLSTM" if masks_on(plan) else "layers.LSTM",
        {
            **ARGUMENTS,
            "unit_forget_bias": lambda plan: plan.attributes["unit_forget_bias"] or not plan.attributes["use_bias"],
            **RETURNED,
        },
        {name: Tie(f"cell.{name}") for name in ("kernel", "recurrent_kernel", "bias")},
        positional=1,
        call=_recurrent,
        outputs=_outputs,
        differs=_differs,
        keeps=always,
        runs=lambda plan: MaskedLSTM if masks_on(plan) else None,
    ),
    GRU: Native(
        lambda plan: "MaskedGRU" if masks_on(plan) else "layers.GRU",
        {**ARGUMENTS, **RETURNED},
        {
            "kernel": Tie("cell.kernel"),
            "recurrent_kernel": Tie("cell.recurrent_kernel"),
            "bias": Tie("cell.bias", "s g -> g", at={"s": (0, 2)}),
            "recurrent_bias": Tie("cell.bias", "s g -> g", at={"s": (1, 2)}),
        },
        positional=1,
        call=_recurrent,
        outputs=_outputs,
        differs=_differs,
        keeps=always,
        runs=lambda plan: MaskedGRU if masks_on(plan) else None,
    ),
}
