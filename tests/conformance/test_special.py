"""What does not fit into a list of cases: chance, states, indices that are not there, biases that rest."""

import numpy as np
import pytest
import torch

import unidl
from tests.conformance.inputs import normal
from unidl import layers, optimizers
from unidl.backends.lowering import definitions_only


@pytest.fixture(params=[False, True], ids=["lowered", "definition"])
def build(request, backend):
    """Builds a model of one layer for the backend, lowered or by the definition."""

    def built(layer, *inputs, **arguments):
        model = unidl.Sequential([layer])
        if request.param:
            with definitions_only():
                return model.build(*inputs, backend=backend, **arguments)
        return model.build(*inputs, backend=backend, **arguments)

    return built


def test_dropout_drops_its_share_and_keeps_the_mean(build):
    x = np.full((200, 50), 3.0, "float32")
    model = build(layers.Dropout(0.25), (50,))
    first, second = (unidl.to_numpy(model(x, training=True)) for _ in range(2))
    for y in (first, second):
        assert np.isin(y, [0.0, np.float32(4.0)]).all()
        assert abs((y == 0).mean() - 0.25) < 0.03
    assert (first != second).any()  # drawn anew
    np.testing.assert_array_equal(unidl.to_numpy(model(x)), x)


def test_a_frozen_dropout_rests(build):
    x = normal(4, 5).astype("float32")
    model = build(layers.Dropout(0.5), (5,))
    model.freeze()
    np.testing.assert_array_equal(unidl.to_numpy(model(x, training=True)), x)
    model.unfreeze()
    assert (unidl.to_numpy(model(x, training=True)) == 0).any()


def test_attention_drops_in_training_only(build):
    x = normal(3, 6, 8).astype("float32")
    model = build(layers.MultiHeadAttention(2, 4, dropout=0.5), (6, 8))
    first, second = (unidl.to_numpy(model(x, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(unidl.to_numpy(model(x)), unidl.to_numpy(model(x)))


def test_a_seed_repeats_what_is_dropped(backend):
    def losses():
        model = unidl.Sequential([layers.Dropout(0.5), layers.Dense(1)])
        trainer = unidl.Trainer(model, loss="mse", optimizer="sgd", backend=backend, seed=3)
        return trainer.fit(normal(32, 4), normal(32, 1), epochs=2, batch_size=8, progress=False).step_loss

    np.testing.assert_array_equal(losses(), losses())


@pytest.mark.parametrize("index", [-1, 7])
def test_an_index_that_is_not_there_is_refused_on_a_cpu(index, build):
    model = build(layers.Embedding(7, 3), unidl.Input((2,), dtype="int64"))
    assert unidl.to_numpy(model(np.array([[0, 6]]))).shape == (1, 2, 3)
    with pytest.raises(Exception, match=r"(?i)index|indices"):  # the framework's own error
        unidl.to_numpy(model(np.array([[0, index]])))


@pytest.mark.parametrize("x", [normal(6, 3), normal(4, 3, 2, 5), normal(1, 3)])
def test_the_moving_variance_is_the_unbiased_one(x, build):
    model = build(layers.BatchNormalization(momentum=0.8), x.shape[1:], precision="float64")
    model(x, training=True)
    axes = tuple(range(x.ndim - 1))
    count = x.size // x.shape[-1]
    weights = {path.rpartition("/")[2]: value for path, value in model.weights().items()}
    np.testing.assert_allclose(weights["moving_mean"], 0.2 * x.mean(axes), atol=1e-12)
    unbiased = x.var(axes) * count / max(count - 1, 1)
    np.testing.assert_allclose(weights["moving_variance"], 0.8 + 0.2 * unbiased, atol=1e-12)


@pytest.mark.parametrize("backend", ["torch"])
def test_the_second_bias_of_torchs_lstm_stays_zero(backend):
    model = unidl.Sequential([layers.LSTM(3)]).build((5, 4), backend=backend)
    trainer = unidl.Trainer(model, loss="mse", optimizer=optimizers.AdamW(0.1))
    for _ in range(3):
        trainer.step((normal(2, 5, 4), normal(2, 3)))
    model.freeze()
    model.unfreeze()
    trainer.step((normal(2, 5, 4), normal(2, 3)))
    module = model.native.lstm
    assert not module.bias_hh_l0.requires_grad
    assert not module.bias_hh_l0.any()
    assert module.bias_ih_l0.requires_grad


@pytest.mark.parametrize("backend", ["torch"])
def test_a_plain_loop_moves_torchs_lstm_as_the_definition_moves(backend):
    def stepped():
        model = unidl.Sequential([layers.LSTM(3)]).build((5, 4), backend=backend, precision="float64")
        optimizer = torch.optim.SGD(model.native.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            y = model.native(torch.tensor(normal(2, 5, 4)))
            y.square().sum().backward()
            optimizer.step()
        return model.weights()["lstm/bias"]

    lowered = stepped()
    with definitions_only():
        np.testing.assert_allclose(lowered, stepped(), atol=1e-12)


def test_a_frozen_batch_normalization_rests(build):
    x = normal(6, 3).astype("float32")
    model = build(layers.BatchNormalization(), (3,))
    model.freeze()
    before = model.weights()
    np.testing.assert_array_equal(unidl.to_numpy(model(x, training=True)), unidl.to_numpy(model(x)))
    for path, value in model.weights().items():
        np.testing.assert_array_equal(value, before[path])


def test_a_lowering_serves_inputs_of_any_length(backend):
    model = unidl.Sequential([layers.LSTM(3, return_sequences=True), layers.MultiHeadAttention(1, 3)])
    model.build((None, 4), backend=backend)
    for batch, time in ((2, 5), (1, 1), (3, 8)):
        assert unidl.to_numpy(model(normal(batch, time, 4).astype("float32"))).shape == (batch, time, 3)
