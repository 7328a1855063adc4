"""Activation, ReLU, Softmax: Keras' own layers."""

from __future__ import annotations

from unidl.backends.keras.layers.core import of_float64, same
from unidl.backends.keras.native import ACTIVATIONS, DIFFER, IN_FLOAT32
from unidl.backends.lowering import refuses_integers
from unidl.description.plan import LayerPlan
from unidl.layers import Activation, ReLU, Softmax
from unidl.native.row import Difference, Native


def no_name(reason: str) -> Difference:
    """A function that Keras takes, and has no name for: a file cannot say which it is."""
    return Difference("function", reason, noted=False)


def _differs(plan: LayerPlan) -> list[Difference]:
    """A function of the user's, or one that Keras means differently."""
    function = plan.attributes["activation"]
    if function not in ACTIVATIONS:
        return [no_name("keras.activations has none that computes this function")]
    if function in DIFFER:
        return [Difference("training", DIFFER[function])]
    rounds = f"keras.activations.{ACTIVATIONS[function]} rounds to float32 inside"
    return of_float64(plan, rounds) if function in IN_FLOAT32 else []


ROWS: dict[type, Native] = {
    Activation: Native(
        "layers.Activation", same("activation"), positional=1, unsupported=refuses_integers, differs=_differs
    ),
    ReLU: Native("layers.ReLU"),
    Softmax: Native("layers.Softmax", same("axis"), unsupported=refuses_integers),
}
