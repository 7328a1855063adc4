"""What a Trainer does, on every backend."""

import numpy as np
import pytest

import unidl
from tests.training.networks import JOBS, POINTS, trainer
from unidl import Input, Model, Sequential, callbacks, layers, losses, ops
from unidl.optimizers import SGD, Adam

X = POINTS  # (90, 5)
Y = (X[:, :1] + X[:, 1:2] > 0).astype("int64")[:, 0]  # (90,)
QUIET = {"progress": False}


def classifier():
    return Sequential([layers.Dense(12, activation="relu"), layers.Dense(2)])


def made(backend, model=None, **settings):
    given = {"loss": "cross_entropy", "optimizer": Adam(1e-2), "metrics": ["accuracy"], "backend": backend, **settings}
    return unidl.Trainer(model or classifier(), **given)


def test_fit_evaluate_predict(backend):
    t = made(backend)
    history = t.fit(X, Y, epochs=12, batch_size=16, validation_data=(X[:20], Y[:20]), **QUIET)
    assert list(history.epochs[0]) == ["loss", "accuracy", "learning_rate", "seconds", "val_loss", "val_accuracy"]
    assert len(history.epochs) == len(history["val_loss"]) == 12
    assert history.step_loss.shape == (12 * 6,)
    assert history["loss"][-1] < 0.4 < history["loss"][0]
    evaluated = t.evaluate(X, Y)
    assert evaluated["accuracy"] > 0.9
    predicted = t.predict(X)
    assert isinstance(predicted, np.ndarray)
    assert predicted.shape == (90, 2)
    assert evaluated["accuracy"] == pytest.approx((predicted.argmax(1) == Y).mean())
    assert t.evaluate(X, Y, batch_size=7) == pytest.approx(evaluated, rel=1e-5)
    assert t.model.backend == backend


def test_the_loss_of_an_epoch_is_weighted_by_the_batches(backend):
    t = made(backend, optimizer=SGD(0.0))
    history = t.fit(X, Y, batch_size=40, **QUIET)  # 40, 40 and a last partial batch of 10
    assert history.step_loss.shape == (3,)
    assert history["loss"][0] == pytest.approx(np.average(history.step_loss, weights=[40, 40, 10]), rel=1e-6)
    assert history["loss"][0] == pytest.approx(t.evaluate(X, Y)["loss"], rel=1e-5)


def test_a_partial_batch_of_one(backend):
    job = JOBS["cnn"]  # batch normalization, with one example
    history = trainer(job, backend, optimizer=SGD(0.01)).fit(job.x[:9], job.y[:9], batch_size=4, **QUIET)
    assert np.isfinite(history.step_loss).all()


def test_step_is_one_step_of_fit(backend):
    stepped, fitted = made(backend), made(backend)
    numbers = stepped.step((X[:10], Y[:10]))
    history = fitted.fit(X[:10], Y[:10], batch_size=10, shuffle=False, **QUIET)
    assert numbers["loss"] == pytest.approx(history["loss"][0], rel=1e-6)
    assert numbers["accuracy"] == history["accuracy"][0]
    weights = fitted.model.weights()
    for path, value in stepped.model.weights().items():
        np.testing.assert_allclose(value, weights[path], rtol=1e-6, atol=1e-7)


def test_fit_twice_goes_on(backend):
    once, twice = made(backend), made(backend)
    whole = once.fit(X, Y, epochs=4, batch_size=30, **QUIET)
    parts = [twice.fit(X, Y, epochs=2, batch_size=30, **QUIET) for _ in range(2)]
    assert twice.epoch == once.epoch == 4
    np.testing.assert_allclose(np.concatenate([p.step_loss for p in parts]), whole.step_loss, rtol=1e-6)


@pytest.mark.refused_on_jax
def test_an_unbuilt_model_is_built_as_the_trainer_says(backend):
    t = made(backend, precision="float64", seed=5)
    assert not t.model.is_built
    t.fit(X, Y, **QUIET)
    assert (t.model.backend, t.model.precision) == (backend, "float64")
    reference = classifier().build((5,), backend=backend, precision="float64", seed=5)
    assert reference.weights()["dense/kernel"].shape == t.model.weights()["dense/kernel"].shape


def test_lists_and_dicts_of_inputs(backend):
    a, b = Input((5,)), Input((5,))
    joined = layers.Dense(2)(layers.Concatenate()([layers.Dense(4)(a), b]))
    for model, x in ((Model([a, b], joined), [X, X]), (Model({"a": a, "b": b}, joined), {"b": X, "a": X})):
        t = made(backend, model)
        history = t.fit(x, Y, epochs=3, **QUIET)
        assert history["loss"][-1] < history["loss"][0]
        assert t.predict(x).shape == (90, 2)
        assert t.evaluate(x, Y)["accuracy"] > 0.3


def test_several_arguments_of_forward(backend):
    class Two(Model):
        def __init__(self):
            self.out = layers.Dense(2)

        def forward(self, a, b):
            return self.out(a * b)

    t = made(backend, Two())
    assert np.isfinite(t.fit((X, X), Y, **QUIET).step_loss).all()


def test_outputs_in_a_dict_and_a_loss_of_ones_own(backend):
    class Two(Model):
        def __init__(self):
            self.body, self.kind, self.size = layers.Dense(8, activation="relu"), layers.Dense(2), layers.Dense(1)

        def forward(self, x):
            h = self.body(x)
            return {"kind": self.kind(h), "size": self.size(h)}

    def loss(targets, predictions):
        kind = losses.CrossEntropy()(targets["kind"], predictions["kind"])
        return kind + losses.MSE()(targets["size"], predictions["size"])

    def error(targets, predictions):
        return ops.abs(targets["size"] - predictions["size"])

    t = made(backend, Two(), loss=loss, metrics=[])
    history = t.fit(X, {"kind": Y, "size": X[:, 2:3]}, epochs=5, **QUIET)
    assert history["loss"][-1] < history["loss"][0]


def test_metrics_of_functions(backend):
    def confidence(targets, predictions):
        return ops.max(ops.softmax(predictions), axis=-1)

    t = made(backend, metrics=["accuracy", confidence])
    history = t.fit(X, Y, batch_size=40, **QUIET)
    assert 0.5 <= history["confidence"][0] <= 1


class Recorder(callbacks.Callback):
    def __init__(self):
        self.seen = []

    def on_start(self, trainer):
        self.seen.append("start")

    def on_epoch_end(self, trainer, numbers):
        self.seen.append((trainer.epoch, sorted(numbers)))
        if trainer.epoch == 2:
            trainer.stop()

    def on_end(self, trainer):
        self.seen.append("end")


def test_callbacks_see_each_epoch_and_may_stop(backend):
    recorder = Recorder()
    history = made(backend).fit(X, Y, epochs=9, callbacks=[recorder], **QUIET)
    numbers = ["accuracy", "learning_rate", "loss", "seconds"]
    assert recorder.seen == ["start", (1, numbers), (2, numbers), "end"]
    assert len(history.epochs) == 2


def test_early_stopping_takes_the_best_weights_back(backend):
    t = made(backend, optimizer=SGD(5.0, momentum=0.9))  # far too fast: it gets worse
    stopping = callbacks.EarlyStopping(patience=2)
    history = t.fit(X, Y, epochs=30, batch_size=16, validation_data=(X, Y), callbacks=[stopping], **QUIET)
    course = history["val_loss"]
    assert len(course) < 30
    assert len(course) == int(np.argmin(course)) + 1 + 2
    assert t.evaluate(X, Y)["loss"] == pytest.approx(min(course), rel=1e-5)


def test_progress_shows_each_epoch(backend, capsys):
    made(backend).fit(X, Y, epochs=2)
    shown = capsys.readouterr().out
    assert "epoch 1/2" in shown
    assert "epoch 2/2" in shown
    assert "accuracy" in shown
    made(backend).fit(X, Y, **QUIET)
    assert capsys.readouterr().out == ""


def test_frozen_layers_rest(backend):
    t = made(backend, optimizer=Adam(1e-2, weight_decay=0.1))
    t.fit(X, Y, **QUIET)
    before = t.model.weights()
    t.model.freeze("dense")
    t.fit(X, Y, **QUIET)
    frozen = t.model.weights()
    np.testing.assert_array_equal(frozen["dense/kernel"], before["dense/kernel"])
    assert not np.array_equal(frozen["dense_2/kernel"], before["dense_2/kernel"])
    t.model.unfreeze("dense")
    t.fit(X, Y, **QUIET)
    assert not np.array_equal(t.model.weights()["dense/kernel"], before["dense/kernel"])


def test_a_frozen_batch_normalization_keeps_its_state(backend):
    job = JOBS["cnn"]
    t = trainer(job, backend)
    t.model.build(job.x[:1], backend=backend)
    t.model.freeze("batch_normalization")
    before = t.model.weights()
    t.fit(job.x, job.y, **QUIET)
    after = t.model.weights()
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        np.testing.assert_array_equal(after[f"batch_normalization/{name}"], before[f"batch_normalization/{name}"])
        assert not np.array_equal(after[f"batch_normalization_2/{name}"], before[f"batch_normalization_2/{name}"])


class Pair(Model):
    """Something that makes points, and something that tells them from real ones."""

    def __init__(self):
        self.generator = Sequential([layers.Dense(8, activation="relu"), layers.Dense(5)])
        self.critic = Sequential([layers.Dense(8, activation="relu"), layers.Dense(1)])

    def forward(self, noise):
        return self.critic(self.generator(noise))


class GAN(unidl.Trainer):
    def training_step(self, batch):
        (real,) = batch if isinstance(batch, tuple) else (batch,)
        noise = ops.random.normal((ops.shape(real)[0], 3))

        def critic_loss():
            fake = self.model.critic(ops.stop_gradient(self.model.generator(noise)))
            return ops.mean(ops.softplus(-self.model.critic(real))) + ops.mean(ops.softplus(fake))

        def generator_loss():
            return ops.mean(ops.softplus(-self.model.critic(self.model.generator(noise))))

        return {
            "critic": self.minimize(critic_loss, part=self.model.critic, optimizer="c"),
            "generator": self.minimize(generator_loss, part=self.model.generator, optimizer="g"),
        }


def test_a_training_step_of_ones_own_with_two_optimizers(backend):
    t = GAN(Pair().build((3,), backend=backend), optimizer={"c": Adam(1e-2), "g": SGD(0.0)})
    before = t.model.weights()
    history = t.fit(X, epochs=3, batch_size=30, **QUIET)
    assert sorted(history.epochs[0]) == ["c_learning_rate", "critic", "g_learning_rate", "generator", "seconds"]
    assert history["critic"][-1] < history["critic"][0]
    assert np.isnan(history.step_loss).all()  # this step gives no "loss"
    after = t.model.weights()
    for path in before:  # the generator's optimizer stands still, and the critic's leaves the generator alone
        assert np.array_equal(after[path], before[path]) == path.startswith("generator")


def test_fit_leaves_the_process_as_it_was(backend):
    t = made(backend, Sequential([layers.Dense(8), layers.Dropout(0.5), layers.Dense(2)]))
    t.fit(X, Y, **QUIET)
    flags = getattr(t.model.native, "training", None)
    np.random.seed(0)  # the process' own generators are what is looked at
    expected = np.random.get_state()[1].tolist()
    draws = _draw(backend)
    again = _draw(backend, fit=lambda: t.fit(X, Y, epochs=2, **QUIET))
    assert draws == again
    assert np.random.get_state()[1].tolist() == expected
    assert getattr(t.model.native, "training", None) == flags


def _draw(backend, fit=lambda: None):
    """What the framework's own generator draws after a seed and, between, a fit."""
    if backend == "torch":
        import torch

        torch.manual_seed(0)
        fit()
        return torch.rand(4).tolist()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.random.set_seed(0)
        first = tf.random.uniform((4,)).numpy().tolist()
        fit()
        tf.random.set_seed(0)
        return first + tf.random.uniform((4,)).numpy().tolist()
    import keras

    keras.utils.set_random_seed(0)
    np.random.seed(0)
    fit()
    return keras.ops.convert_to_numpy(keras.random.uniform((4,))).tolist()


def test_dropout_depends_on_the_seed_alone(backend):
    def losses_of(seed):
        model = Sequential([layers.Dense(8), layers.Dropout(0.5), layers.Dense(2)]).build((5,), backend=backend)
        return made(None, model, seed=seed).fit(X, Y, batch_size=30, shuffle=False, **QUIET).step_loss

    np.testing.assert_array_equal(losses_of(0), losses_of(0))
    assert not np.array_equal(losses_of(0), losses_of(1))


def test_the_users_arrays_stay_as_they_were(backend):
    x, y = X.copy(), Y.copy()
    t = made(backend)
    t.fit(x, y, epochs=2, **QUIET)
    t.evaluate(x, y)
    t.predict(x)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


def test_a_trainer_for_a_built_model_takes_it_as_it_is(backend):
    model = classifier().build((5,), backend=backend)
    before = model.native
    t = unidl.Trainer(model, loss="cross_entropy")
    t.fit(X, Y, **QUIET)
    assert t.model.native is before


def test_integer_targets_of_any_width(backend):
    first, *others = [made(backend).fit(X, Y.astype(kind), **QUIET).step_loss for kind in ("int64", "int32", "uint8")]
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_float64_arrays_for_a_float32_model(backend):
    single = made(backend).fit(X, Y, **QUIET).step_loss
    double = made(backend).fit(X.astype("float64"), Y, **QUIET).step_loss
    np.testing.assert_array_equal(single, double)
