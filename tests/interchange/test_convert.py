"""The same model on another backend and in another precision."""

import threading

import numpy as np
import pytest

import unidl
from unidl import layers
from unidl.errors import BackendUnavailableError, NotBuiltError, NotSerializableError

X = np.random.default_rng(0).normal(size=(4, 8, 8, 3))


def network():
    return unidl.Sequential(
        [
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(5, name="hidden"),
            layers.Dense(2),
        ]
    )


def test_every_way_there_and_back(backend):
    m = network().build((8, 8, 3), backend="torch")
    unidl.Trainer(m, loss="mse", optimizer="sgd").fit(X, np.zeros((4, 2)), progress=False)
    m.freeze("hidden")
    twin = unidl.convert(m, backend)
    assert twin is not m
    assert twin.backend == backend
    assert list(twin.trainable_slots()) == list(m.trainable_slots())
    np.testing.assert_allclose(unidl.to_numpy(twin(X)), unidl.to_numpy(m(X)), atol=1e-6)
    back = unidl.convert(twin, "torch")
    np.testing.assert_array_equal(unidl.to_numpy(back(X)), unidl.to_numpy(m(X)))


def test_training_goes_on_with_the_same_curve(backend):
    y = np.random.default_rng(1).normal(size=(4, 2))
    m = network().build((8, 8, 3), backend="torch", precision="float64")
    twin = unidl.convert(m, backend)
    here, there = (
        unidl.Trainer(n, loss="mse", optimizer="sgd").fit(X, y, epochs=10, progress=False) for n in (m, twin)
    )
    np.testing.assert_allclose(there.step_loss, here.step_loss, rtol=1e-9)


def test_another_precision(backend):
    m = network().build((8, 8, 3), backend=backend)
    wide = unidl.convert(m, backend, precision="float64")
    assert wide.precision == "float64"
    assert {w.dtype for w in wide.weights().values()} == {np.dtype("float64")}
    np.testing.assert_allclose(unidl.to_numpy(wide(X)), unidl.to_numpy(m(X)), atol=1e-5)


class Locked(unidl.Layer):
    """Holds what nothing can copy."""

    def __init__(self):
        self.lock = threading.Lock()

    def forward(self, x):
        return x * 2.0


class Scaled(unidl.Layer):
    def __init__(self, factor=2.0):
        self.factor = factor

    def forward(self, x):
        return x * self.factor


def test_an_attribute_that_cannot_be_copied_is_named():
    m = unidl.Sequential([layers.Dense(2), Locked()]).build((3,), backend="torch")
    with pytest.raises(NotSerializableError, match="Locked 'locked': its attribute 'lock' cannot be copied"):
        unidl.convert(m, "tensorflow")


def test_an_attribute_that_the_constructor_did_not_make_is_carried_over(backend):
    """What a file cannot rebuild, and `save` refuses, a copy in memory has."""
    scaled = Scaled()
    scaled.factor = 3.0
    m = unidl.Sequential([scaled]).build((3,), backend="torch")
    np.testing.assert_allclose(unidl.convert(m, backend).predict(np.ones((1, 3))), 3.0)


def test_what_cannot_be_converted_stays_as_it_is():
    with pytest.raises(NotBuiltError, match="no weights to convert"):
        unidl.convert(network(), "torch")
    m = network().build((8, 8, 3), backend="torch")
    native = m.native
    with pytest.raises(BackendUnavailableError, match="There is no backend 'jax'"):
        unidl.convert(m, "jax")
    assert m.native is native
