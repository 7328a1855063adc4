"""How Keras runs a row: the layer is made, called and filled as the row says. And what Keras calls unidl's activations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from unidl import ops
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.module import layer_name
from unidl.backends.keras.weight import Slot, TiedSlot
from unidl.backends.lowering import Lowering
from unidl.description.plan import LayerPlan
from unidl.native.row import Native
from unidl.native.tie import Tie

# -- activations -------------------------------------------------------------------------------------------------------------

ACTIVATIONS: dict[Callable[..., Any], str] = {
    ops.elu: "elu",
    ops.gelu: "gelu",
    ops.hard_sigmoid: "hard_sigmoid",
    ops.hard_silu: "hard_silu",
    ops.identity: "linear",
    ops.log_sigmoid: "log_sigmoid",
    ops.log_softmax: "log_softmax",
    ops.mish: "mish",
    ops.relu: "relu",
    ops.relu6: "relu6",
    ops.selu: "selu",
    ops.sigmoid: "sigmoid",
    ops.silu: "silu",
    ops.softmax: "softmax",
    ops.softplus: "softplus",
    ops.softsign: "softsign",
    ops.tanh: "tanh",
}
"""unidl's activations under the names that Keras has for them."""

DIFFER: dict[Callable[..., Any], str] = {}
"""Why no activation of that name runs, though Keras has one."""

if ENGINE == "tensorflow":
    DIFFER[ops.selu] = "on TensorFlow, keras.activations.selu has the gradient of the other side at 0"
    DIFFER[ops.softsign] = "on TensorFlow, keras.activations.softsign has no second derivative"
if ENGINE == "torch":
    DIFFER[ops.hard_sigmoid] = "on torch, keras.activations.hard_sigmoid has no second derivative"

IN_FLOAT32 = (
    (ops.gelu, ops.hard_sigmoid, ops.hard_silu) if ENGINE != "tensorflow" else (ops.gelu,)
)  # with constants that Keras rounds


def activation_name(function: Callable[..., Any], plan: LayerPlan) -> str | None:
    """Keras' name for an activation; None where Keras has none, or computes something else or in float32 only."""
    rounds = plan.dtype == "float64" and function in IN_FLOAT32
    return None if rounds or function in DIFFER else ACTIVATIONS.get(function)


# -- a row as a lowering -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RowLowering(Lowering):
    """The lowering that follows from a row.

    Args:
        row: The row.
    """

    row: Native

    def of(self, plan: LayerPlan) -> RowLowering:
        """Without the row's `call`, where the layer alone computes."""
        return replace(self, call=partial(call, self.row, None)) if self.row.is_direct(plan) else self


def lowering_of(row: Native) -> RowLowering:
    """How Keras runs the layers of a row."""
    return RowLowering(
        make=partial(make, row),
        call=partial(call, row, row.call),
        slots=partial(slots, row),
        refuses=row.refuses_to_run,
        nested=row.nested,
        keeps=row.keeps,
        row=row,
    )


def keras_class(name: str) -> Any:
    """The class that source code calls `layers.…`."""
    return getattr(keras.layers, name.removeprefix("layers."))


def make(row: Native, plan: LayerPlan) -> Any:
    """Keras' layer; nothing is drawn for its weights, and its dtype is never that of Keras' global settings."""
    cls = row.runs_as(plan) or keras_class(row.class_of(plan))
    given = {
        name: activation_name(value, plan) if callable(value) else value for name, value in row.given(plan).items()
    }
    layer = cls(**given, **dict.fromkeys(initializers_of(cls), "zeros"), name=layer_name(plan), dtype=plan.dtype)
    if row.shapes is not None:
        layer.build(*row.shapes(plan))
    return layer


@cache
def initializers_of(cls: type) -> Mapping[str, Any]:
    """The arguments of a Keras class that initialize its weights, and what they are if nobody says."""
    own = next(base for base in cls.__mro__ if getattr(keras.layers, base.__name__, None) is base)
    parameters = inspect.signature(own.__init__).parameters  # type: ignore[misc]
    return {name: p.default for name, p in parameters.items() if name.endswith("_initializer")}


def call(row: Native, written: Any, layer: Any, native: Any, *args: Any, **kwargs: Any) -> Any:
    """The layer's outputs; an activation that Keras has not is applied to them."""
    y = native(*args, **kwargs) if written is None else written(layer, native, *args, **kwargs)
    if not row.activation or native.activation is not keras.activations.linear:
        return y
    return getattr(layer, row.activation)(y)


def slots(row: Native, plan: LayerPlan, native: Any) -> dict[str, Slot]:
    """The layer's own weights in Keras' layer."""
    return {
        name: slot(native, tie, plan.weights[name].shape)
        for name, (tie, *_) in row.ties(plan).items()
        if name in plan.weights
    }


def slot(native: Any, tie: Tie, shape: tuple[int, ...]) -> Slot:
    """One weight in Keras' layer."""
    return Slot(native, tie.native) if tie.is_identity else TiedSlot(native, tie, shape)
