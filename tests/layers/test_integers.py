"""Integer inputs: a function of real numbers computes in floats from the start, on every backend, natively or by its definition."""

from typing import Any

import numpy as np
import pytest

import unidl
from unidl import layers
from unidl.ops.activation import ACTIVATIONS

FLOAT_OF_INTEGERS = [name for name in ACTIVATIONS if name not in ("identity", "relu")]
EXTREMES = {"uint8": [2, 200], "int8": [-128, 120], "int16": [-30000, 300], "int32": [-(2**31), 50000]}


@pytest.mark.parametrize("name", FLOAT_OF_INTEGERS)
def test_activations_do_not_overflow(name: str, backend: str) -> None:
    """-x of unsigned integers, |-128| and x² would."""
    function = ACTIVATIONS[name]
    with unidl.using(backend):
        for dtype, values in EXTREMES.items():
            x = np.array(values, dtype)
            found = unidl.to_numpy(function(x))
            assert found.dtype == np.float32
            right = unidl.to_numpy(function(x.astype("float64")))
            np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6, err_msg=dtype)


class On(unidl.Model):
    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x)


IMAGE, SERIES, ROWS = (2, 4, 4, 2), (2, 3, 4), (2, 6)
LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "dense": (lambda: layers.Dense(2), ROWS),
    "bilinear": (lambda: layers.UpSampling2D(2, "bilinear"), IMAGE),
    "global average": (lambda: layers.GlobalAveragePooling2D(), IMAGE),
    "batch normalization": (lambda: layers.BatchNormalization(), ROWS),
    "layer normalization": (lambda: layers.LayerNormalization(), ROWS),
    "layer normalization without weights": (lambda: layers.LayerNormalization(scale=False, center=False), ROWS),
    "lstm": (lambda: layers.LSTM(2), SERIES),
    "attention": (lambda: layers.MultiHeadAttention(2, 2), SERIES),
    "softmax": (lambda: layers.Softmax(), ROWS),
}


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_integers(name: str, dtype: str, backend: str) -> None:
    """They compute what they compute of the same numbers as float32."""
    make, shape = LAYERS[name]
    x = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    found, right = (
        unidl.to_numpy(On(make()).build(array, backend=backend, seed=1)(array)) for array in (x, x.astype("float32"))
    )
    assert found.dtype == right.dtype == np.float32
    np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_an_average_does_not_overflow(dtype: str, backend: str) -> None:
    class Mean(unidl.Model):
        def __init__(self) -> None:
            self.layer = layers.Average()

        def forward(self, x: Any, y: Any) -> Any:
            return self.layer([x, y])

    x = np.array([[200, 3]], dtype)
    found = unidl.to_numpy(Mean().build(x, x, backend=backend)(x, x))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[200.0, 3.0]])
