"""Training on Keras: the same course as on torch, Keras' own optimizers, one graph for any batch."""

import keras
import numpy as np
import pytest

import unidl
from unidl import Model, Sequential, layers, ops, optimizers, schedules
from unidl.backends import registry

pytestmark = pytest.mark.parametrize("backend", ["keras"])

JAX = keras.backend.backend() == "jax"  # an engine on which Keras has neither float64 nor Python control flow
PRECISION, EXACT = ("float32", 1e-4) if JAX else ("float64", 1e-9)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 8, 8, 2)).astype("float32")
Y = RNG.integers(0, 3, size=70)


class Lion(optimizers.Optimizer):
    """One that no framework lends: the sign of a mean."""

    state_names = ("mean",)

    def __init__(self, learning_rate=1e-3, weight_decay=0.0, no_decay=(), clip_norm=None):
        super().__init__(learning_rate, weight_decay, no_decay, clip_norm)

    def update(self, weight, gradient, state, learning_rate, step):
        mean = state["mean"] * 0.9 + gradient * 0.1
        return weight - learning_rate * mean / (ops.abs(mean) + 1e-3), {"mean": mean}


def images():
    return Sequential([
        layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3),
    ])  # fmt: skip


RATE = schedules.Cosine(0.05, 20)
OPTIMIZERS = {
    "sgd": optimizers.SGD(RATE),
    "momentum": optimizers.SGD(RATE, momentum=0.9),
    "nesterov": optimizers.SGD(RATE, momentum=0.9, nesterov=True, weight_decay=0.1),
    "decay": optimizers.SGD(RATE, weight_decay=0.1, no_decay=("*bias",), clip_norm=0.5),
    "adam": optimizers.Adam(RATE, epsilon=1e-3),
    "adamw": optimizers.AdamW(RATE, no_decay=("*bias", "*gamma", "*beta")),
    "defined": Lion(RATE, weight_decay=0.1),
}


def trained(name, backend, precision, metrics=()):
    model = images()
    trainer = unidl.Trainer(
        model, "cross_entropy", OPTIMIZERS[name], metrics, backend=backend, precision=precision, seed=2
    )
    return model, trainer.fit(X, Y, epochs=7, batch_size=32, progress=False)


@pytest.mark.parametrize("precision", ["float32"] if JAX else ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps_are_those_of_torch(backend, name, precision):
    """21 steps with a changing rate, the last batch of each epoch shorter."""
    mine, here = trained(name, "keras", precision)
    theirs, there = trained(name, "torch", precision)
    tolerance = 1e-4 if precision == "float32" else 1e-9
    np.testing.assert_allclose(here.step_loss, there.step_loss, rtol=tolerance, atol=tolerance)
    for path, value in theirs.weights().items():
        np.testing.assert_allclose(mine.weights()[path], value, rtol=10 * tolerance, atol=10 * tolerance, err_msg=path)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adamw"])
def test_the_optimizer_is_the_engines_own_on_keras_variables(backend, name):
    model = images().build((8, 8, 2), backend="keras", precision=PRECISION)
    stepper = registry.load("keras").optimizer(OPTIMIZERS[name], model.trainable_slots())
    kind = {"tensorflow": "Kernels", "torch": "Fused", "jax": "Defined"}[keras.backend.backend()]
    assert type(stepper).__name__ == kind
    own = model.native.trainable_variables
    assert [id(w) for w in stepper.wanted] == [id(v if JAX else v.value) for v in own]


def test_metrics_and_evaluation_agree_with_torch(backend):
    results = []
    for where in ("keras", "torch"):
        model, history = trained("adam", where, PRECISION, ["accuracy"])
        evaluation = unidl.Trainer(model, "cross_entropy", metrics=["accuracy"]).evaluate(X, Y)
        results.append([history["loss"], history["accuracy"], list(evaluation.values())])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=EXACT)


def test_one_trace_serves_every_batch_size(backend):
    runs = []

    class Counted(Model):
        def __init__(self):
            self.dense = layers.Dense(1)

        def forward(self, x):
            if not isinstance(x, unidl.graph.tensor.SymbolicTensor):
                runs.append(tuple(x.shape))
            return self.dense(x) if self.training else self.dense(x) * 1.0

    trainer = unidl.Trainer(Counted(), "mse", optimizers.SGD(0.1), backend="keras")
    x = RNG.normal(size=(10, 3)).astype("float32")
    trainer.fit(x, x[:, :1], epochs=3, batch_size=4, progress=False)
    # 3 epochs of 4 + 4 + 2 examples
    expected = [(None, 3)] if keras.backend.backend() == "tensorflow" else [(4, 3), (4, 3), (2, 3)] * 3
    assert runs == expected


class Noisy(unidl.Layer):
    def forward(self, x):
        return x + ops.random.normal(like=x) if self.training else x


@pytest.mark.parametrize("layer", [Noisy, lambda: layers.Dropout(0.5)], ids=["own", "dropout"])
def test_a_seed_starts_the_same_training_again(backend, layer):
    def losses(seed):
        model = Sequential([layers.Dense(8), layer(), layers.Dense(1)])
        trainer = unidl.Trainer(model, "mse", optimizers.SGD(0.01), backend="keras", seed=seed)
        return trainer.fit(X[:, 0, 0], X[:, 0, 0, :1], epochs=2, batch_size=16, shuffle=False, progress=False).step_loss

    first = losses(0)
    keras.random.uniform((3,))
    np.testing.assert_array_equal(first, losses(0))
    assert not np.array_equal(first, losses(1))


def test_a_model_of_several_inputs_and_a_frozen_part_train(backend):
    class Two(Model):
        def __init__(self):
            self.left, self.right = layers.Dense(4), layers.Dense(4)
            self.head = layers.Dense(1)

        def forward(self, a, b):
            return self.head(ops.tanh(self.left(a) * self.right(b)))

    losses = []
    for where in ("keras", "torch"):
        model = Two().build((2,), (2,), backend=where, precision=PRECISION)
        model.freeze("left")
        before = model.weights()
        trainer = unidl.Trainer(model, "mse", optimizers.Adam(0.01))
        x = (X[:, 0, 0], X[:, 1, 1])
        losses.append(trainer.fit(x, X[:, 2, 2, :1], epochs=2, batch_size=32, progress=False).step_loss)
        after = model.weights()
        assert np.array_equal(before["left/kernel"], after["left/kernel"])
        assert not np.array_equal(before["right/kernel"], after["right/kernel"])
    np.testing.assert_allclose(*losses, rtol=EXACT)


@pytest.mark.skipif(JAX, reason="refused on jax, see test_native_model")
def test_python_control_flow_trains(backend):
    class Deep(Model):
        def __init__(self):
            self.step = layers.Dense(2)

        def forward(self, x):
            x = self.step(x)
            while ops.max(ops.abs(x)) > 1.0:
                x = x * 0.5
            return x

    losses = []
    for where in ("keras", "torch"):
        trainer = unidl.Trainer(Deep(), "mse", optimizers.SGD(0.1), backend=where, precision=PRECISION)
        losses.append(trainer.fit(X[:, 0, 0] * 9, X[:, 1, 1], epochs=2, batch_size=32, progress=False).step_loss)
    np.testing.assert_allclose(*losses, rtol=EXACT)
