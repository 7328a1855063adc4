"""BatchNormalization and LayerNormalization: Keras' own, in float32."""

from __future__ import annotations

import math
from typing import Any

from unidl.backends.keras.binding import Nested
from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.layers.core import of_float64, of_integers, same, tied
from unidl.backends.lowering import always, refuses_integers
from unidl.description.plan import LayerPlan
from unidl.graph.nesting import is_nested
from unidl.layers import BatchNormalization, LayerNormalization
from unidl.native.row import Difference, Native

_IN_FLOAT32 = "Keras normalises in float32 inside"


def _nested_moments(plan: LayerPlan) -> str | None:
    """Keras' moments are TensorFlow's."""
    return "tf.nn.moments stops a gradient, so that its second derivative is wrong" if ENGINE == "tensorflow" else None


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


_BIASED = Difference(
    "training", "Keras' moving_variance follows the biased variance of a batch, unidl's the unbiased one"
)

BATCH_NORMALIZATION = Native(
    "layers.BatchNormalization",
    same("momentum", "epsilon", "center", "scale"),  # momentum is the weight of the old value in both
    tied("gamma", "beta", "moving_mean", "moving_variance"),
    differs=lambda plan: [_BIASED, *of_float64(plan, _IN_FLOAT32), *of_integers(plan)],
    nested=_nested_moments,
    runs=UnbiasedBatchNormalization,
    repairs=("training",),
)

# -- LayerNormalization ------------------------------------------------------------------------------------------------------


class TwiceDifferentiableLayerNormalization(Nested, keras.layers.LayerNormalization):
    """Layer normalization that has the right second derivative."""

    def call(self, inputs: Any) -> Any:
        """(batch, ...) -> the same shape."""
        return self.of_definition(inputs) if is_nested() else super().call(inputs)


def _axis(plan: LayerPlan) -> int | list[int]:
    axes = plan.attributes["axes"]
    return -1 if axes == (_rank(plan) - 1,) else axes[0] if len(axes) == 1 else list(axes)


def _rank(plan: LayerPlan) -> int:
    return len(plan.input_shapes[0])


def _unsupported(plan: LayerPlan) -> str | None:
    """On torch, Keras hands the axes to a kernel that knows trailing ones only; integers it rounds the results to."""
    axes, rank = plan.attributes["axes"], _rank(plan)
    if ENGINE == "torch" and axes != tuple(range(rank - len(axes), rank)):
        return "on torch, keras.layers.LayerNormalization takes trailing axes only"
    return refuses_integers(plan)


def _nested(plan: LayerPlan) -> str | None:
    """On torch, Keras hands a scale that is None to torch's own."""
    if ENGINE == "torch" and plan.attributes["center"] and not plan.attributes["scale"]:
        return "torch's layer_norm has no second derivative with an offset and no scale"
    return _nested_moments(plan)


LAYER_NORMALIZATION = Native(
    "layers.LayerNormalization",
    {"axis": _axis, **same("epsilon", "center", "scale")},
    tied("gamma", "beta"),
    unsupported=_unsupported,
    differs=lambda plan: of_float64(plan, _IN_FLOAT32),
    keeps=always,
    nested=_nested,
    runs=lambda plan: TwiceDifferentiableLayerNormalization if _nested(plan) else None,
)

ROWS: dict[type, Native] = {BatchNormalization: BATCH_NORMALIZATION, LayerNormalization: LAYER_NORMALIZATION}
