"""What Keras' layers share, and Dense, Embedding, Dropout, Flatten, Reshape: Keras' own layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl import ops
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.module import layer_name
from unidl.backends.keras.ops.random import generator
from unidl.backends.keras.weight import Slot
from unidl.backends.lowering import Lowering
from unidl.description.plan import LayerPlan
from unidl.layers import Dense, Dropout, Embedding, Flatten, Layer, Reshape

# unidl's activations under the names that Keras has for them
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


DIFFER: dict[Callable[..., Any], str] = {}
"""Why unidl does not use an activation that Keras has."""

if ENGINE == "tensorflow":
    DIFFER[ops.selu] = "on TensorFlow, keras.activations.selu has the gradient of the other side at 0"
    DIFFER[ops.softsign] = "on TensorFlow, keras.activations.softsign has no second derivative"
if ENGINE == "torch":
    DIFFER[ops.hard_sigmoid] = "on torch, keras.activations.hard_sigmoid has no second derivative"
for _function in DIFFER:
    del ACTIVATIONS[_function]

IN_FLOAT32 = (
    (ops.gelu, ops.hard_sigmoid, ops.hard_silu) if ENGINE != "tensorflow" else (ops.gelu,)
)  # with constants that Keras rounds


def activation_name(function: Callable[..., Any], plan: LayerPlan) -> str | None:
    """Keras' name for an activation; None where Keras has none, or computes it in float32 only."""
    return None if plan.dtype == "float64" and function in IN_FLOAT32 else ACTIVATIONS.get(function)


def common(plan: LayerPlan) -> dict[str, Any]:
    """The arguments of every Keras layer: never taken from Keras' global settings."""
    return {"name": layer_name(plan), "dtype": plan.dtype}


def call_layer(layer: Layer, native: Any, x: Any) -> Any:
    """A Keras layer that takes and gives what the layer does."""
    return native(x)


def call_activated(layer: Any, native: Any, x: Any) -> Any:
    """Likewise, with an activation behind it that Keras does not have."""
    y = native(x)
    return y if native.activation is not keras.activations.linear else layer.activation(y)


# -- Dense -------------------------------------------------------------------------------------------------------------------


def make_dense(plan: LayerPlan) -> Any:
    """kernel (inputs, units), as in Keras."""
    layer: Dense = plan.layer  # type: ignore[assignment]
    return keras.layers.Dense(
        layer.units,
        activation=activation_name(layer.activation, plan),
        use_bias=layer.use_bias,
        kernel_initializer="zeros",
        **common(plan),
    )


def own_slots(plan: LayerPlan, native: Any) -> dict[str, Slot]:
    """A Keras layer whose weights are attributes of the same names."""
    return {name: Slot(native, name) for name in plan.weights}


# -- Embedding ---------------------------------------------------------------------------------------------------------------


class NoNegativeEmbedding(keras.layers.Embedding):
    """An embedding that takes a negative index for one that is too large, not for one from the end."""

    def call(self, inputs: Any) -> Any:
        """(batch, ...) -> (batch, ..., output_dim)."""
        indices = keras.ops.cast(inputs, "int64")
        return super().call(keras.ops.where(indices < 0, self.input_dim, indices))


def make_embedding(plan: LayerPlan) -> Any:
    """embeddings (input_dim, output_dim), as in Keras."""
    layer: Embedding = plan.layer  # type: ignore[assignment]
    return NoNegativeEmbedding(layer.input_dim, layer.output_dim, embeddings_initializer="zeros", **common(plan))


# -- Dropout -----------------------------------------------------------------------------------------------------------------


class SeededDropout(keras.layers.Dropout):
    """Dropout that draws from the generator that a Trainer seeds, and rests where it is frozen."""

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(0.0, **kwargs)  # with a rate it would make a generator of its own
        self.rate = rate

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The same shape."""
        if not training or not self.trainable or self.rate == 0:
            return inputs
        return keras.random.dropout(inputs, self.rate, seed=generator())


def make_dropout(plan: LayerPlan) -> Any:
    """The same rate."""
    layer: Dropout = plan.layer  # type: ignore[assignment]
    return SeededDropout(layer.rate, **common(plan))


# -- Flatten, Reshape --------------------------------------------------------------------------------------------------------


def make_flatten(plan: LayerPlan) -> Any:
    """Channels last, whatever Keras is set to."""
    return keras.layers.Flatten(data_format="channels_last", **common(plan))


def make_reshape(plan: LayerPlan) -> Any:
    """The same shape."""
    layer: Reshape = plan.layer  # type: ignore[assignment]
    return keras.layers.Reshape(layer.target_shape, **common(plan))


TABLE: dict[type, Lowering] = {
    Dense: Lowering(make_dense, call_activated, own_slots),
    Embedding: Lowering(make_embedding, call_layer, own_slots),
    Dropout: Lowering(make_dropout, call_layer),
    Flatten: Lowering(make_flatten, call_layer),
    Reshape: Lowering(make_reshape, call_layer),
}
