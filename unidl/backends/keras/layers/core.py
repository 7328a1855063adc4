"""Dense, Embedding, Dropout, Flatten, Reshape: Keras' own layers."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.ops.random import generator
from unidl.backends.lowering import refuses_integers
from unidl.description.plan import LayerPlan
from unidl.layers import Dense, Dropout, Embedding, Flatten, Reshape
from unidl.native.row import Difference, Native
from unidl.native.tie import Tie

LAST = {"data_format": ("channels_last",)}  # whatever Keras is set to


def same(*names: str) -> dict[str, Any]:
    """Arguments that are called as the layer's attributes."""
    return {name: name for name in names}


def tied(*names: str) -> dict[str, Tie]:
    """Weights that are attributes of the same names, in the canonical layout."""
    return {name: Tie(name) for name in names}


def of_integers(plan: LayerPlan) -> list[Difference]:
    """Where Keras casts integers itself, the definition still runs as everywhere else."""
    reason = refuses_integers(plan)
    return [Difference("integers", reason, noted=False)] if reason else []


def of_float64(plan: LayerPlan, reason: str) -> list[Difference]:
    """What Keras rounds."""
    return [Difference("float64", reason)] if plan.dtype == "float64" else []


class NoNegativeEmbedding(keras.layers.Embedding):
    """An embedding that takes a negative index for one that is too large, not for one from the end."""

    def call(self, inputs: Any) -> Any:
        """(batch, ...) -> (batch, ..., output_dim)."""
        indices = keras.ops.cast(inputs, "int64")
        return super().call(keras.ops.where(indices < 0, self.input_dim, indices))


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


_FROM_THE_END = Difference("errors", "Keras takes a negative index for one from the end; unidl refuses it")

ROWS: dict[type, Native] = {
    Dense: Native(
        "layers.Dense",
        same("units", "activation", "use_bias"),
        tied("kernel", "bias"),
        positional=1,
        activation="activation",
    ),
    Embedding: Native(
        "layers.Embedding",
        same("input_dim", "output_dim"),
        tied("embeddings"),
        positional=2,
        differs=lambda plan: [_FROM_THE_END],
        runs=NoNegativeEmbedding,
        repairs=("errors",),
    ),
    Dropout: Native("layers.Dropout", same("rate"), positional=1, runs=SeededDropout),
    Flatten: Native("layers.Flatten", LAST),
    Reshape: Native(
        "layers.Reshape", {"target_shape": lambda plan: tuple(plan.attributes["target_shape"])}, positional=1
    ),
}
