"""A model of a thousand layers on one path: described, built, run, trained, kept and copied on every backend."""

import sys
import threading

import numpy as np
import pytest

import unidl
from unidl import layers, ops

DEPTH = 1000
X = np.linspace(-1, 1, 6, dtype="float32").reshape(3, 2)


def chain():
    return unidl.Sequential([layers.Activation("tanh") for _ in range(DEPTH)])


def one_layer_shared():
    x = y = unidl.Input((2,))
    layer = layers.Activation("tanh")
    for _ in range(DEPTH):
        y = layer(y)
    return unidl.Model(x, y)


def operations():
    x = y = unidl.Input((2,))
    for _ in range(DEPTH):
        y = ops.tanh(y)
    return unidl.Model(x, y)


@pytest.mark.parametrize("made", [chain, one_layer_shared, operations], ids=lambda made: made.__name__)
def test_a_thousand_layers_are_built_and_run(made, backend):
    right = X.astype("float64")
    for _ in range(DEPTH):
        right = np.tanh(right)
    limit = sys.getrecursionlimit()
    model = made().build(unidl.Input((2,)), backend=backend)
    assert sys.getrecursionlimit() == limit
    np.testing.assert_allclose(model.predict(X), right, rtol=1e-3)


def test_a_thousand_layers_are_trained_saved_and_copied(backend, tmp_path):
    model = unidl.Sequential([layers.Dense(1), *(layers.Activation("tanh") for _ in range(DEPTH))])
    model.build((2,), backend=backend)
    trainer = unidl.Trainer(model, loss="mse", optimizer=unidl.optimizers.SGD(0.1))
    trainer.fit(X, np.ones((3, 1), "float32"), batch_size=3, progress=False)
    assert model.weights()["dense/bias"] != 0
    model.save(tmp_path / "deep.unidl")
    for same in (unidl.load(tmp_path / "deep.unidl", backend=backend), model.copy()):
        np.testing.assert_allclose(same.predict(X), model.predict(X), rtol=1e-6)


def test_a_caller_may_stand_deep_itself(backend):
    """What Python has left is not the depth of the model: it is built where a recursive caller calls."""

    def below(calls):
        return below(calls - 1) if calls else operations().build(unidl.Input((2,)), backend=backend)

    below(300)


def test_threads_build_deep_models_at_once(backend):
    limit, failed = sys.getrecursionlimit(), []

    def build():
        try:
            operations().build(unidl.Input((2,)), backend=backend)
        except RecursionError as error:
            failed.append(error)

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sys.getrecursionlimit() == limit
