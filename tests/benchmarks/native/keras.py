"""keras.Model.fit with the same layers, loss and optimizer, as its documentation has it."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from tests.benchmarks.workload import Workload


def optimizer(work: Workload) -> keras.optimizers.Optimizer:
    cls = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}[work.optimizer]
    options = dict(work.options)
    if work.optimizer != "sgd":
        options["epsilon"] = 1e-8
    return cls(work.rate, **options)


LOSSES = {
    "cross_entropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "mse": keras.losses.MeanSquaredError,
}


class Side:
    """A network trained by keras.Model.fit."""

    def __init__(self, work: Workload, weights: Mapping[str, np.ndarray] | None = None, shuffle: bool = True) -> None:
        self.work, self.shuffle = work, shuffle
        self.network: keras.Model = work.hand("keras").network()
        if weights is not None:
            load(self.network, weights)
        self.network.compile(optimizer=optimizer(work), loss=LOSSES[work.loss]())
        inputs, self.targets = work.arrays()
        self.inputs = inputs[0] if len(inputs) == 1 else list(inputs)

    def fit(self, epochs: int) -> np.ndarray:
        """The means of the epochs: Keras has no others."""
        history = self.network.fit(
            self.inputs, self.targets, batch_size=self.work.batch, epochs=epochs, shuffle=self.shuffle, verbose=0
        )
        return np.array(history.history["loss"])

    def predict(self, *x: np.ndarray) -> np.ndarray:
        return np.asarray(self.network.predict_on_batch(x[0] if len(x) == 1 else list(x)))


PARTS = {"query", "key", "value"}  # of keras.layers.MultiHeadAttention, beside "attention_output"


def load(network: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Write weights, named and laid out as in unidl; a layer's name is its path there with dashes."""
    left = dict(weights)
    for layer in network.layers:
        at = layer.name.replace("-", "/")
        for variable in layer.weights:
            *_, part, name = variable.path.split("/")
            if part in PARTS or part == "attention_output":
                name = f"{part.removeprefix('attention_')}_{name}"
            key = (
                f"{at}/{name}" if f"{at}/{name}" in left else name
            )  # a layer that stands for a weight of the model's own
            variable.assign(left.pop(key))
    assert not left, f"without a place: {sorted(left)}"
