"""Keras' own layers are built with weights that are zero, and keep the initializers that they were made with."""

import keras
import numpy as np
import pytest

from unidl.backends.keras.weight import Blank, build_blank

pytestmark = pytest.mark.parametrize("backend", ["keras"])


@keras.saving.register_keras_serializable("unidl-tests")
class ByHand(keras.layers.Layer):
    """Its weight's initializer is no attribute."""

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones")


LAYERS = [
    (lambda: keras.layers.Dense(3, kernel_initializer="he_normal", bias_initializer="ones"), (None, 4)),
    (lambda: keras.layers.BatchNormalization(), (None, 4)),
    (lambda: keras.layers.LSTM(3), (None, 5, 4)),
    (lambda: keras.layers.Bidirectional(keras.layers.GRU(3)), (None, 5, 4)),
    (lambda: keras.layers.MultiHeadAttention(2, 3), [(None, 5, 4), (None, 5, 4)]),
    (lambda: ByHand(), (None, 4)),
    (lambda: keras.layers.TimeDistributed(ByHand()), (None, 5, 4)),
]


@pytest.mark.parametrize(
    ("make", "shape"), LAYERS, ids=["dense", "norm", "lstm", "bidirectional", "attention", "own", "held"]
)
def test_zero_and_configured_as_before(backend, make, shape):
    layer = make()
    twin = type(layer).from_config(layer.get_config())
    shapes = shape if isinstance(shape, list) else [shape]
    build_blank(layer, *shapes)
    twin.build(*shapes)
    assert layer.get_config() == twin.get_config()
    assert layer.weights
    assert not any(np.any(keras.ops.convert_to_numpy(weight)) for weight in layer.weights)
    assert not any(isinstance(value, Blank) for part in layer._flatten_layers() for value in vars(part).values())
