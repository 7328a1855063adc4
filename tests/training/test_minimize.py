"""minimize: the loss, and whatever else the function wants to be seen."""

import numpy as np
import pytest

import unidl
from unidl import layers, ops, optimizers
from unidl.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


def model(backend):
    return unidl.Sequential([layers.Dense(2, use_bias=False)]).build((3,), backend=backend)


def train(backend, function):
    class Own(unidl.Trainer):
        def training_step(self, batch):
            returned = self.minimize(lambda: function(self.model, batch))
            if not isinstance(returned, tuple):
                return returned
            loss, aux = returned
            return {"loss": loss, **{name: ops.mean(value) for name, value in aux.items()}}

    trainer = Own(model(backend), optimizer=optimizers.SGD(0.5))
    start = trainer.model.weights()["dense/kernel"]
    return start, trainer.fit(X, batch_size=6, shuffle=False, progress=False).epochs[0], trainer.model


def batch_of(batch):
    return batch[0] if isinstance(batch, tuple) else batch


def test_a_loss_alone(backend):
    start, numbers, trained = train(backend, lambda m, batch: ops.mean(m(batch_of(batch))))
    np.testing.assert_allclose(numbers["loss"], (X @ start).mean(), atol=1e-6)
    step = 0.5 * X.mean(0)[:, None] / 2  # (inputs, 1): the mean is over the two outputs too
    np.testing.assert_allclose(trained.weights()["dense/kernel"], start - step, atol=1e-6)


def test_what_stands_beside_the_loss_comes_back(backend):
    def function(m, batch):
        y = m(batch_of(batch))  # (batch, 2)
        return ops.mean(y), {"square": y * y, "largest": ops.max(y)}

    start, numbers, trained = train(backend, function)
    y = X @ start
    np.testing.assert_allclose(numbers["loss"], y.mean(), atol=1e-6)
    np.testing.assert_allclose(numbers["square"], (y * y).mean(), rtol=1e-5)  # of the weights before the step
    np.testing.assert_allclose(numbers["largest"], y.max(), rtol=1e-5)
    step = 0.5 * X.mean(0)[:, None] / 2
    np.testing.assert_allclose(trained.weights()["dense/kernel"], start - step, atol=1e-6)


def test_neither_a_loss_nor_a_pair(backend):
    def function(m, batch):
        y = m(batch_of(batch))
        return ops.mean(y), y, y

    with pytest.raises(ArgumentError, match=r"a scalar tensor, or a pair \(loss, aux\)\nReceived: tuple"):
        train(backend, function)


class Noisy(unidl.Trainer):
    def training_step(self, batch):
        noise = ops.random.uniform((6, 3), -1.0, 1.0)  # no tensor says whose it is
        return self.minimize(lambda: ops.mean(ops.abs(self.model(noise))))


def test_ops_without_a_tensor_are_of_the_models_backend(backend):
    with unidl.using("keras" if backend == "torch" else "torch"):
        numbers = Noisy(model(backend), optimizer=optimizers.SGD(0.1)).fit(X, batch_size=6, progress=False).epochs[0]
    assert 0 < numbers["loss"] < 10
