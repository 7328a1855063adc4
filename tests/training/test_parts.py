"""One optimizer for two parts of a model: each keeps its own state, and only its own weights move."""

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, ops, optimizers
from unidl.errors import ArgumentError, ShapeError


class Two(unidl.Model):
    def __init__(self):
        self.left, self.right = (unidl.Sequential([layers.Dense(1, use_bias=False)]) for _ in range(2))

    def forward(self, x):
        return self.left(x) + self.right(x)


class Both(unidl.Trainer):
    def training_step(self, batch):
        (x,) = batch if isinstance(batch, tuple) else (batch,)
        left = self.minimize(lambda: ops.mean(self.model.left(x)), part=self.model.left)
        right = self.minimize(lambda: ops.mean(self.model.right(x)) * -1.0, part=self.model.right)
        return {"left": left, "right": right}


def test_each_part_moves_its_own_weights(backend):
    m = Two().build((2,), backend=backend)
    before = m.weights()
    Both(m, optimizer=optimizers.SGD(0.5)).fit(np.ones((4, 2)), batch_size=4, progress=False)
    after = m.weights()
    np.testing.assert_allclose(after["left/dense/kernel"], before["left/dense/kernel"] - 0.5, atol=1e-6)
    np.testing.assert_allclose(after["right/dense/kernel"], before["right/dense/kernel"] + 0.5, atol=1e-6)


X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def small(backend):
    return unidl.Sequential([layers.Dense(4), layers.Dense(1)]).build((3,), backend=backend)


def test_a_replaced_layer_is_trained_and_evaluated(backend):
    m = small(backend)
    t = unidl.Trainer(m, loss="mse", optimizer=optimizers.SGD(0.01))
    t.fit(X, Y, progress=False)
    t.evaluate(X, Y)
    m.replace("dense_2", layers.Dense(1, activation="tanh"))
    before = m.weights()
    np.testing.assert_allclose(t.evaluate(X, Y)["loss"], np.mean((m.predict(X) - Y) ** 2), rtol=1e-5)
    t.fit(X, Y, progress=False)
    assert all((before[path] != value).any() for path, value in m.weights().items())


def test_steps_of_ones_own_draw_from_the_seed(backend):
    def losses():
        m = unidl.Sequential([layers.Dense(8), layers.Dropout(0.5), layers.Dense(1)]).build((3,), backend=backend)
        t = unidl.Trainer(m, loss="mse", seed=1)
        return [t.step((X, Y))["loss"] for _ in range(3)]

    assert losses() == losses()


def test_numbers_of_one_name_are_refused():
    m = unidl.Sequential([layers.Dense(1)])
    with pytest.raises(ArgumentError, match="Two numbers of the Trainer would have one name"):
        unidl.Trainer(m, loss="mse", metrics=[lambda y, p: p, lambda y, p: p])


def test_one_class_and_16_bits_and_an_unknown_direction_are_refused(backend):
    m = small(backend)
    with pytest.raises(ShapeError, match="needs predictions with at least two classes"):
        unidl.Trainer(m, loss="cross_entropy").fit(X, (Y > 0).astype("float32"), progress=False)
    half = unidl.convert(m, backend, precision="bfloat16")
    with pytest.raises(ArgumentError, match="does not train in bfloat16"):
        unidl.Trainer(half, loss="mse").fit(X, Y, progress=False)

    def hits(targets, predictions):
        return ops.cast(ops.abs(predictions - targets) < 0.3, "float32")

    t = unidl.Trainer(m, loss="mse", metrics=[hits])
    with pytest.raises(ArgumentError, match=r"cannot know whether more or less of 'hits' is better"):
        t.fit(X, Y, callbacks=[callbacks.EarlyStopping("hits")], progress=False)
