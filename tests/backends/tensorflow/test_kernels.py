"""Layers that one of TensorFlow's fused kernels computes: what the conformance cases do not ask."""

import numpy as np
import pytest
import tensorflow as tf

import unidl
from unidl import layers, ops

X = np.random.default_rng(0).normal(size=(12, 5, 4)).astype("float32")
Y = np.arange(12) % 3


def trained(jit):
    model = unidl.Sequential([layers.LSTM(6, return_sequences=True), layers.BatchNormalization(), layers.LSTM(3)])
    trainer = unidl.Trainer(model, loss="cross_entropy", backend="tensorflow", jit=jit)
    losses = trainer.fit(X, Y, epochs=3, batch_size=5, progress=False).step_loss
    return model, losses


def kernels(model):
    return {operation.type for operation in model.native.graph().get_operations()}


def test_the_kernels_are_in_the_graph():
    model, _ = trained(jit=False)
    assert {"BlockLSTM", "FusedBatchNormV3"} <= kernels(model)


def test_gelu_works_on_the_rows_of_the_product_before_it():
    """So that oneDNN does product, bias and gelu in one; on the rows in their other shape it does not."""
    model = unidl.Sequential([layers.Dense(6, activation="gelu")]).build((5, 4), backend="tensorflow")
    operations = model.native.graph().get_operations()
    (erf,) = [op for op in operations if op.type == "Erf"]
    scaled = erf.inputs[0].op
    assert (scaled.type, scaled.inputs[0].op.type) == ("Mul", "BiasAdd")
    expected = unidl.Sequential([layers.Dense(6, activation="gelu")]).build((5, 4), backend="torch")
    expected.set_weights(model.weights())
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("after", [ops.gelu, lambda h: ops.add(h, np.ones(6, "float32"))], ids=["gelu", "bias"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_what_works_on_the_rows_has_a_gradient_by_their_other_shape(after, training, bias):
    dense = unidl.Sequential([layers.Dense(6, use_bias=bias)]).build((5, 4), backend="tensorflow")

    def total(h):
        return ops.sum(after(h) ** 2)

    @tf.function(autograph=False)
    def look(x):
        h = dense.native(x, training=training)
        with tf.GradientTape() as tape:
            tape.watch(h)
            value = total(h)
        return h, unidl.value_and_grad(total)(h)[1], tape.gradient(value, h)

    h, asked, taped = look(X)
    expected = unidl.value_and_grad(total)(h)[1]  # not in a graph
    assert np.abs(expected).sum() > 1
    np.testing.assert_allclose(asked, expected, rtol=1e-5)
    np.testing.assert_allclose(taped, expected, rtol=1e-5)


def test_gelu_of_a_single_number_that_was_a_product():
    class Total(unidl.Layer):
        def __init__(self):
            self.dense = layers.Dense(1)

        def forward(self, x):
            return ops.gelu(ops.reshape(self.dense(x), ()))

    model = unidl.Sequential([Total()]).build((4,), backend="tensorflow")
    assert np.shape(model(X[:1, 0])) == ()


@pytest.mark.filterwarnings("ignore:.*XLA.*")
def test_xla_which_lacks_the_lstm_kernel_compiles_the_definition():
    (_, fused), (_, compiled) = trained(jit=False), trained(jit=True)
    np.testing.assert_allclose(compiled, fused, rtol=1e-4)


def test_a_frozen_batch_normalization_rests():
    model = unidl.Sequential([layers.BatchNormalization(), layers.LSTM(3)])
    trainer = unidl.Trainer(model, loss="cross_entropy", backend="tensorflow")
    trainer.fit(X, Y, batch_size=6, progress=False)
    before = model.weights()
    model.freeze("batch_normalization")
    trainer.fit(X, Y, batch_size=6, progress=False)
    after = model.weights()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {"lstm/kernel", "lstm/recurrent_kernel", "lstm/bias"}


def test_inside_a_function_of_the_users_own():
    model, _ = trained(jit=False)
    inside = tf.function(lambda x: model.native(x))
    np.testing.assert_allclose(inside(tf.constant(X)).numpy(), model.predict(X), rtol=1e-5, atol=1e-6)
