"""A model that one thread trains: other threads are refused, callbacks are not, and a Trainer is not used inside itself."""

import contextlib
import threading

import numpy as np
import pytest

import unidl
from tests.concurrency.threads import together
from unidl import callbacks, layers, optimizers
from unidl.errors import ConcurrentUseError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def _trainer(backend, **more):
    inner = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(2)]
    model = unidl.Sequential(inner).build((4,), backend=backend)
    return unidl.Trainer(model, loss="cross_entropy", optimizer=optimizers.Adam(1e-2), seed=1, **more)


class Between(callbacks.Callback):
    """Does something after each step."""

    every_steps = 1

    def __init__(self, function):
        self.function = function

    def on_steps(self, trainer, numbers):
        self.function(trainer)


def _uses(trainer, tmp_path):
    m = trainer.model
    part = m.layers["dense"]
    return {
        "predict": lambda: m.predict(X),
        "A call": lambda: m(X),
        "Trainer.evaluate": lambda: trainer.evaluate(X, Y),
        "weights()": m.weights,
        "copy": m.copy,
        "save": lambda: m.save(tmp_path / "m.unidl"),
        "set_weights": lambda: m.set_weights({"dense/bias": np.zeros(8)}, partial=True),
        "freeze": lambda: m.freeze("dense"),
        "replace": lambda: m.replace("dense_2", layers.Dense(2)),
        "copy_from": lambda: m.copy_from(m),
        "outputs_at": lambda: m.outputs_at("dense")(X),
        "a model of a layer of it": lambda: unidl.Sequential([part]).build((4,), backend=m.backend).predict(X),
        "convert": lambda: unidl.convert(m, m.backend),
        "Trainer.fit": lambda: trainer.fit(X, Y, progress=False),
        "fit of another Trainer": lambda: unidl.Trainer(m, loss="cross_entropy").fit(X, Y, progress=False),
        "Trainer.step": lambda: trainer.step((X, Y)),
        "Trainer.state": trainer.state,
        "Trainer.restore": lambda: trainer.restore({}),
        "training": lambda: m(X, training=True),
    }


def test_other_threads_are_refused(backend, tmp_path):
    trainer, alone = _trainer(backend), _trainer(backend)
    alone.fit(X, Y, epochs=2, progress=False)
    found = {}

    def elsewhere(trainer):
        def use():
            for what, function in _uses(trainer, tmp_path).items():
                try:
                    function()
                except ConcurrentUseError as error:
                    found.setdefault(what, []).append(str(error))
                except Exception as error:  # noqa: BLE001  # told below
                    found.setdefault(what, []).append(repr(error))
                else:
                    found.setdefault(what, []).append("nothing was raised")

        thread = threading.Thread(target=use, name="serving")
        thread.start()
        thread.join()

    trainer.fit(X, Y, epochs=2, progress=False, callbacks=[Between(elsewhere)])
    assert set(found) == set(_uses(trainer, tmp_path))
    for what, texts in found.items():
        for text in texts:
            assert "'serving' while Trainer.fit of Sequential 'sequential' runs in the thread 'MainThread'" in text, (
                what,
                text,
            )
            assert "model.copy()" in text
    for path, value in trainer.model.weights().items():  # and nothing was moved
        np.testing.assert_array_equal(value, alone.model.weights()[path])
    trainer.model.predict(X)  # it is free again


def test_in_a_step_too(backend):
    found = []

    class Own(unidl.Trainer):
        def training_step(self, batch):
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
            return super().training_step(batch)

    def call():
        try:
            trainer.model.predict(X)
        except ConcurrentUseError as error:
            found.append(str(error))

    trainer = Own(_trainer(backend).model, loss="cross_entropy")
    trainer.step((X, Y))
    assert found
    assert all("while Trainer.step of Sequential 'sequential' runs" in text for text in found)


def test_predictions_beside_fit_change_nothing(backend):
    """Another thread asks again and again: it is refused, or it came before or after; the training is what it is alone."""
    alone, trainer = _trainer(backend), _trainer(backend)
    first = trainer.model.predict(X)
    alone.fit(X, Y, epochs=6, batch_size=8, progress=False)
    last = alone.model.predict(X)
    done = threading.Event()

    def fit():
        try:
            trainer.fit(X, Y, epochs=6, batch_size=8, progress=False)
        finally:
            done.set()

    def ask():
        answers = []
        while not done.is_set():
            with contextlib.suppress(ConcurrentUseError):
                answers.append(trainer.model.predict(X))
        return answers

    _, *found = together(fit, *[ask] * 3)
    for path, value in trainer.model.weights().items():
        np.testing.assert_array_equal(value, alone.model.weights()[path])
    for answers in found:
        for answer in answers:
            assert np.array_equal(answer, first) or np.array_equal(answer, last)


def test_callbacks_use_the_model_as_before(backend):
    alone, trainer, copies = _trainer(backend), _trainer(backend), []
    alone.fit(X, Y, epochs=2, progress=False)

    def look(trainer):
        trainer.model.predict(X)
        trainer.model(X)
        trainer.evaluate(X, Y)
        trainer.predict(X)
        trainer.state()
        copies.append(trainer.model.copy())
        trainer.model.copy_from(copies[-1])

    trainer.fit(X, Y, epochs=2, progress=False, callbacks=[Between(look)], validation_data=(X, Y))
    for path, value in trainer.model.weights().items():
        np.testing.assert_array_equal(value, alone.model.weights()[path])
    np.testing.assert_array_equal(copies[-1].predict(X), trainer.model.predict(X))


@pytest.mark.parametrize("what", ["fit", "step", "restore"])
def test_a_trainer_is_not_used_inside_its_own_fit(what, backend):
    trainer = _trainer(backend)
    saved = trainer.state()
    uses = {
        "fit": lambda t: t.fit(X, Y, progress=False),
        "step": lambda t: t.step((X, Y)),
        "restore": lambda t: t.restore(saved),
    }
    with pytest.raises(
        ConcurrentUseError, match=rf"Trainer\.{what} was called inside Trainer\.fit of the same Trainer"
    ):
        trainer.fit(X, Y, progress=False, callbacks=[Between(uses[what])])
    trainer.fit(X, Y, progress=False)  # it is whole
    uses[what](trainer)


def test_a_step_inside_a_step_is_refused(backend):
    class Own(unidl.Trainer):
        def training_step(self, batch):
            self.step(batch)

    with pytest.raises(ConcurrentUseError, match=r"Trainer\.step was called inside Trainer\.step"):
        Own(_trainer(backend).model, loss="cross_entropy").step((X, Y))


def test_another_trainer_may_train_in_a_callback(backend):
    trainer = _trainer(backend)
    other = unidl.Trainer(trainer.model.copy(), loss="cross_entropy")
    same = unidl.Trainer(trainer.model, loss="cross_entropy")

    def train(trainer):
        other.fit(X, Y, progress=False)
        same.fit(X, Y, progress=False)

    trainer.fit(X, Y, progress=False, callbacks=[Between(train)])
    assert other.steps_taken == same.steps_taken == 4


def test_evaluations_at_once(backend):
    trainer = _trainer(backend, metrics=["accuracy"])
    alone = trainer.evaluate(X, Y, batch_size=10)
    for found in together(*[lambda: trainer.evaluate(X, Y, batch_size=10)] * 8):
        assert found == alone


def test_a_first_evaluation_in_many_threads(backend):
    model = unidl.Sequential([layers.Dense(8, activation="relu"), layers.Dense(2)])
    trainer = unidl.Trainer(model, loss="cross_entropy", metrics=["accuracy"], backend=backend)
    found = together(*[lambda: trainer.evaluate(X, Y)] * 8)
    assert all(one == found[0] for one in found)
