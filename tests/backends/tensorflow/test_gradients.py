"""Gradients that are written out in training are TensorFlow's own, have gradients themselves, and need no lengths at each step."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

import unidl
from unidl import Sequential, layers, ops
from unidl.backends.tensorflow.tracing import in_mode

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 5, 3))  # (rows, columns)
LABELS = np.array([0, 2, 1, 1, 0])

FUNCTIONS = {
    "gelu": lambda x: ops.sum(ops.square(ops.gelu(x))),
    "concatenate": lambda x: ops.sum(ops.concatenate([x, x * x, ops.exp(x)], -1) * np.arange(9.0)),
    "mean_squared_error": lambda x: ops.mean_squared_error(x * x, ops.exp(x)),
    "softmax_cross_entropy": lambda x: ops.softmax_cross_entropy(x * x, tf.constant(LABELS), mean=True),
    "of many places": lambda x: ops.softmax_cross_entropy(
        ops.stack([x, x * x]), tf.constant(np.stack([LABELS, LABELS])), mean=True
    ),
}


def once(f, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


def twice(f, x):
    return once(lambda x: tf.reduce_sum(once(f, x) * tf.constant(B, x.dtype)), x)


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("derivative", [once, twice])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_they_are_tensorflows_own(name, derivative, traced):
    found = []
    for training in (False, True):

        def gradient(x, training=training):
            with in_mode(training):
                return derivative(FUNCTIONS[name], x)

        found.append((tf.function(gradient) if traced else gradient)(tf.constant(A)).numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-14)
    assert np.abs(found[0]).max() > 1e-3


@pytest.mark.parametrize("derivative", [once, twice])
@pytest.mark.parametrize("layer", [layers.LayerNormalization, lambda: layers.Embedding(7, 3)])
def test_those_of_layers(layer, derivative):
    looked_up = not isinstance(layer(), layers.LayerNormalization)
    model = Sequential([layer()])
    model.build(unidl.Input((4,), dtype="int64") if looked_up else (4, 3), backend="tensorflow", precision="float64")
    x = tf.constant(RNG.integers(0, 7, (2, 4)) if looked_up else RNG.normal(size=(2, 4, 3)))
    wanted = [*model.native.trainable_variables, *([] if looked_up else [x])]

    def flat(gradients):
        return tf.concat([tf.reshape(gradient, (-1,)) for gradient in gradients], 0)

    found = []
    for training in (False, True):

        @tf.function
        def gradient(training=training):
            with in_mode(training), tf.GradientTape(persistent=True) as outer:
                outer.watch(wanted)
                with tf.GradientTape() as tape:
                    tape.watch(wanted)
                    y = tf.reduce_sum(model.native(x) ** 3)
                one = flat(tape.gradient(y, wanted))
                along = tf.reduce_sum(one**2)
            return one if derivative is once else flat(outer.gradient(along, wanted))

        found.append(gradient().numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-10)
    assert np.abs(found[0]).max() > 1e-3


class Pair(unidl.Model):
    """All that a gradient is written out for."""

    def __init__(self):
        self.one, self.other = layers.Embedding(7, 6), layers.Embedding(5, 4)
        self.norm, self.hidden, self.out = layers.LayerNormalization(), layers.Dense(8, "gelu"), layers.Dense(1)

    def forward(self, x, y):
        return self.out(self.hidden(self.norm(ops.concatenate([self.one(x), self.other(y)], -1))))


def bodies(graph):
    return [f for f in graph.as_graph_def().library.function if "while_body" in f.signature.name]


def trained(loss):
    trainer = unidl.Trainer(Pair(), loss=loss, optimizer=unidl.optimizers.Adam(1e-2), backend="tensorflow")
    x, y = RNG.integers(0, 7, 50), RNG.integers(0, 5, 50)
    trainer.fit((x, y), RNG.normal(size=(50, 1)), epochs=2, batch_size=16, progress=False)
    return trainer


def test_a_step_asks_for_no_lengths():
    trainer = trained("mse")
    (program,) = [p for steps in trainer.engine._programs.values() for p in _store(steps).values()]
    (body,) = bodies(program.concrete.graph)
    kinds = [node.op for node in body.node_def]
    # what TensorFlow's own gradients of means, of broadcasting, of joining and of looking up would need where the batch is open
    lengths = {"BroadcastGradientArgs", "Tile", "Prod", "ShapeN", "ConcatOffset", "Slice", "Pack"}
    assert not lengths & set(kinds), sorted(lengths & set(kinds))
    assert kinds.count("Size") == 1  # by which the loss' mean divides


def test_a_trained_graph_goes_with_its_trainer():
    trainer = trained("mse")
    (program,) = [p for steps in trainer.engine._programs.values() for p in _store(steps).values()]
    graph = weakref.ref(program.concrete.graph)
    del trainer, program
    gc.collect()
    assert graph() is None


def _store(steps):
    """Where the traces are kept."""
    names = steps.__code__.co_freevars
    return steps.__closure__[names.index("store")].cell_contents


class Folded(unidl.Model):
    """Each example is two series: the recurrent layer sees twice as many examples as the step began with."""

    def __init__(self, folds):
        self.folds = folds
        self.series, self.head = layers.LSTM(3, return_sequences=True), layers.Dense(1)

    def forward(self, x):  # (batch, 2, time, features)
        x = ops.reshape(x, (-1, 5, 4)) if self.folds else x[:, 0]
        y = ops.mean(self.head(self.series(x)), 1)  # (examples, 1)
        return ops.mean(ops.reshape(y, (-1, 2)), 1, keepdims=True) if self.folds else y


@pytest.mark.parametrize("folds", [False, True])
def test_a_series_has_its_gradient_in_a_loop_whatever_the_batch(folds):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 2, 5, 4)).astype("float32"), np.zeros((10, 1), "float32")  # the last batch has 2 of 4
    losses = {}
    for backend in ("torch", "tensorflow"):
        trainer = unidl.Trainer(Folded(folds), "mse", unidl.optimizers.Adam(0.1), backend=backend, seed=0)
        losses[backend] = trainer.fit(x, y, epochs=3, batch_size=4, progress=False).step_loss
    np.testing.assert_allclose(losses["tensorflow"], losses["torch"], rtol=2e-5)
    assert losses["torch"][-1] < 0.5 * losses["torch"][0]
