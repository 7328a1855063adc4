"""BatchNormalization and LayerNormalization: Keras' own, in float32."""

from __future__ import annotations

import math
from typing import Any

from unidl.backends.keras.binding import Nested
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.layers.core import call_layer, common, own_slots
from unidl.backends.lowering import Lowering, refuses_integers
from unidl.description.plan import LayerPlan
from unidl.graph.nesting import is_nested
from unidl.layers import BatchNormalization, LayerNormalization


def refuses_float64(plan: LayerPlan) -> str | None:
    """Both normalise in float32, whatever their dtype is."""
    return "Keras normalises in float32 inside" if plan.dtype == "float64" else refuses_integers(plan)


# -- BatchNormalization ------------------------------------------------------------------------------------------------------


class UnbiasedBatchNormalization(Nested, keras.layers.BatchNormalization):
    """Batch normalization whose moving variance follows the unbiased one, with the divisor max(n - 1, 1)."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """(batch, ..., channels) -> the same shape."""
        if ENGINE == "tensorflow" and is_nested():
            return self.of_definition(inputs, training=bool(training) and self.trainable)
        if not training or not self.trainable:
            return super().call(inputs, training=False)
        kept = self.momentum * keras.ops.convert_to_tensor(self.moving_variance)  # (channels,)
        y = super().call(inputs, training=True)
        count = keras.ops.cast(math.prod(keras.ops.shape(inputs)[:-1]), self.moving_variance.dtype)  # for each channel
        share = keras.ops.convert_to_tensor(self.moving_variance) - kept
        self.moving_variance.assign(kept + share * count / keras.ops.maximum(count - 1, 1))
        return y


def make_batch_normalization(plan: LayerPlan) -> Any:
    """Over the last axis; `momentum` is the weight of the old value in both."""
    layer: BatchNormalization = plan.layer  # type: ignore[assignment]
    return UnbiasedBatchNormalization(
        axis=-1,
        momentum=layer.momentum,
        epsilon=layer.epsilon,
        center=layer.center,
        scale=layer.scale,
        **common(plan),
    )


# -- LayerNormalization ------------------------------------------------------------------------------------------------------


def refuses_layer_normalization(plan: LayerPlan) -> str | None:
    """On torch, Keras hands the axes to a kernel that knows trailing ones only."""
    axes, rank = plan.attributes["axes"], len(plan.input_shapes[0])
    if ENGINE == "torch" and axes != tuple(range(rank - len(axes), rank)):
        return "on torch, keras.layers.LayerNormalization takes trailing axes only"
    return refuses_float64(plan)


class TwiceDifferentiableLayerNormalization(Nested, keras.layers.LayerNormalization):
    """Layer normalization that has the right second derivative."""

    def call(self, inputs: Any) -> Any:
        """(batch, ...) -> the same shape."""
        return self.of_definition(inputs) if is_nested() else super().call(inputs)


def make_layer_normalization(plan: LayerPlan) -> Any:
    """Over the same axes."""
    layer: LayerNormalization = plan.layer  # type: ignore[assignment]
    cls = TwiceDifferentiableLayerNormalization if nested_layer(plan) else keras.layers.LayerNormalization
    return cls(
        axis=list(plan.attributes["axes"]),
        epsilon=layer.epsilon,
        center=layer.center,
        scale=layer.scale,
        **common(plan),
    )


def nested_moments(plan: LayerPlan) -> str | None:
    """Keras' moments are TensorFlow's."""
    return "tf.nn.moments stops a gradient, so that its second derivative is wrong" if ENGINE == "tensorflow" else None


def nested_layer(plan: LayerPlan) -> str | None:
    """On torch, Keras hands a scale that is None to torch's own."""
    layer: LayerNormalization = plan.layer  # type: ignore[assignment]
    if ENGINE == "torch" and layer.center and not layer.scale:
        return "torch's layer_norm has no second derivative with an offset and no scale"
    return nested_moments(plan)


TABLE: dict[type, Lowering] = {
    BatchNormalization: Lowering(
        make_batch_normalization, call_layer, own_slots, refuses_float64, nested=nested_moments
    ),
    LayerNormalization: Lowering(
        make_layer_normalization, call_layer, own_slots, refuses_layer_normalization, nested=nested_layer
    ),
}
