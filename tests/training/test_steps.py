"""training_step, validation_step and predict_step of a subclass, and what they log."""

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, ops, optimizers
from unidl.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = X.sum(1, keepdims=True)
QUIET = {"batch_size": 8, "progress": False}


def made(kind, backend, **settings):
    return kind(unidl.Sequential([layers.Dense(1)]), optimizer=optimizers.SGD(0.05), backend=backend, **settings)


class Logs(unidl.Trainer):
    def training_step(self, batch):
        x, y = batch
        loss, error = self.minimize(lambda: self._error(x, y))
        self.log("largest", error)
        self.log("one", 1.0)
        return loss

    def _error(self, x, y):
        error = ops.abs(self.model(x) - y)
        return ops.mean(ops.square(error)), ops.max(error)


class Returns(Logs):
    def training_step(self, batch):
        x, y = batch
        loss, error = self.minimize(lambda: self._error(x, y))
        return {"loss": loss, "largest": error, "one": 1.0}


def test_what_is_logged_is_what_is_returned(backend):
    logged, returned = made(Logs, backend), made(Returns, backend)
    one, other = logged.fit(X, Y, epochs=2, **QUIET), returned.fit(X, Y, epochs=2, **QUIET)
    for name in ("loss", "largest", "one"):
        assert one[name] == other[name]
    assert dict(logged.step((X, Y))) == dict(returned.step((X, Y)))


def test_a_callback_gets_what_is_logged():
    seen = []
    each = callbacks.Lambda(on_batches=lambda trainer, logs: seen.extend(logs["largest"].tolist()))
    made(Logs, "torch").fit(X, Y, callbacks=[each], **QUIET)
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("error", "told", "logs"),
    [
        (ArgumentError, "'a' was logged twice in one step", lambda self: [self.log("a", 1.0), self.log("a", 2.0)]),
        (ArgumentError, "'loss' was both logged and returned", lambda self: self.log("loss", 1.0)),
        (ShapeError, "returned or logged 'a', which is no single number", lambda self: self.log("a", self.model(X))),
        (ArgumentError, "invalid value for name", lambda self: self.log(3, 1.0)),
    ],
)
def test_what_cannot_be_logged(error, told, logs, backend):
    class Wrong(Logs):
        def training_step(self, batch):
            logs(self)
            return self.minimize(lambda: self._error(*batch)[0])

    trainer = made(Wrong, backend)
    trainer.model.build((3,), backend=backend)
    with pytest.raises(error, match=told):
        trainer.fit(X, Y, **QUIET)


def test_nothing_is_logged_outside_a_step():
    with pytest.raises(ArgumentError, match="log was called outside a step"):
        made(Logs, "torch").log("a", 1.0)


class Own(unidl.Trainer):
    def validation_step(self, batch):
        x, y = batch
        predictions = self.model(x)
        self.measure(y, predictions)
        self.log("bias", ops.mean(predictions - y))
        return {"largest": ops.max(ops.abs(predictions - y))}

    def predict_step(self, batch):
        return {"twice": 2.0 * self.model(batch), "sign": self.model(batch) > 0.0}


def error(targets, predictions):
    return ops.abs(targets - predictions)


def test_a_validation_step(backend):
    trainer = made(Own, backend, loss="mse", metrics=[error])
    history = trainer.fit(
        X, Y, epochs=2, validation_data=(X, Y), callbacks=[callbacks.EarlyStopping("val_largest", mode="min")], **QUIET
    )
    predictions = trainer.predict(X)["twice"] / 2.0
    assert history.epochs[-1].keys() >= {"loss", "error", "val_largest", "val_bias", "val_error"}
    assert "val_loss" not in history.epochs[-1]
    found = trainer.evaluate(X, Y)
    assert found["largest"] == pytest.approx(np.abs(predictions - Y).max(), rel=1e-4)
    assert found["bias"] == pytest.approx((predictions - Y).mean(), abs=1e-5)
    assert found["error"] == pytest.approx(np.abs(predictions - Y).mean(), rel=1e-4)


def test_a_validation_step_without_targets(backend):
    class Alone(unidl.Trainer):
        def training_step(self, batch):
            return self.minimize(lambda: ops.mean(ops.square(self.model(batch))))

        def validation_step(self, batch):
            return ops.mean(ops.square(self.model(batch)))

    trainer = made(Alone, backend)
    history = trainer.fit(X, validation_data=X, epochs=2, **QUIET)
    assert history["val_loss"][-1] == pytest.approx(trainer.evaluate(X)["loss"], rel=1e-5)
    assert list(history.epochs[0]) == ["loss", "learning_rate", "seconds", "val_loss"]


def test_a_predict_step(backend):
    trainer = made(Own, backend, loss="mse")
    trainer.fit(X, Y, **QUIET)
    found = trainer.predict(X, batch_size=7)
    plain = trainer.model.predict(X)
    assert found["twice"].shape == (40, 1)
    np.testing.assert_allclose(found["twice"], 2 * plain, rtol=1e-5)
    np.testing.assert_array_equal(found["sign"], plain > 0)
