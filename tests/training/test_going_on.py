"""A run that is gone on with, in the process that stopped it or in another, is the run that was never stopped."""

import copy
import os
import pickle
import signal

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, ops, optimizers
from unidl.errors import ArgumentError, CheckpointError, DataError, NotSerializableError, TrainingInterrupted

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 6)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 16, "progress": False}


def made(backend, **settings):
    parts = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(2)]
    given = {"loss": "cross_entropy", "optimizer": optimizers.Adam(1e-2), "metrics": ["accuracy"], **settings}
    return unidl.Trainer(unidl.Sequential(parts), backend=backend, **given)


class At(callbacks.Callback):
    """Does something after one step."""

    every_steps = 1

    def __init__(self, step, act):
        self.step, self.act = step, act

    def on_steps(self, trainer, numbers):
        if trainer.steps_taken == self.step:
            self.act(trainer)


class AfterEpoch(callbacks.Callback):
    def __init__(self, epoch, act):
        self.epoch, self.act = epoch, act

    def on_epoch_end(self, trainer, numbers):
        if trainer.epoch == self.epoch:
            self.act(trainer)


def press(trainer):
    os.kill(os.getpid(), signal.SIGINT)


def same(a, b):
    mine, theirs = a.model.weights(), b.model.weights()
    return all(np.array_equal(mine[path], theirs[path]) for path in mine)


def test_in_the_same_process(backend):
    never, stopped = made(backend), made(backend)
    whole = never.fit(X, Y, epochs=3, **QUIET)
    with pytest.raises(TrainingInterrupted):
        stopped.fit(X, Y, epochs=3, callbacks=[At(9, press)], **QUIET)  # in the middle of the second epoch
    history = stopped.fit(X, Y, epochs=3, resume=True, **QUIET)
    np.testing.assert_array_equal(history.step_loss, whole.step_loss)
    assert same(stopped, never)


def test_early_stopping_in_the_same_process(backend):
    def run(interrupted):
        t = made(backend, optimizer=optimizers.SGD(2.0))
        watch = callbacks.EarlyStopping(patience=3)
        if interrupted:
            with pytest.raises(TrainingInterrupted):
                t.fit(X, Y, epochs=40, validation_data=(X, Y), callbacks=[watch, At(15, press)], **QUIET)
        again = [watch, *([At(15, lambda t: None)] if interrupted else [])]
        return t, t.fit(X, Y, epochs=40, validation_data=(X, Y), callbacks=again, resume=interrupted, **QUIET)

    (never, whole), (stopped, history) = run(False), run(True)
    np.testing.assert_array_equal(history.step_loss, whole.step_loss)
    assert same(stopped, never)


def test_a_run_that_early_stopping_ended_is_at_its_end(tmp_path):
    def run():
        t = made("torch", optimizer=optimizers.SGD(2.0))
        given = [callbacks.Checkpoint(tmp_path), callbacks.EarlyStopping(patience=2)]
        return t, t.fit(X, Y, epochs=50, validation_data=(X, Y), callbacks=given, resume=True, **QUIET)

    first, history = run()
    assert history.stopped.startswith("a callback asked for it: EarlyStopping: 'val_loss' was best in epoch ")
    again, told = run()
    assert len(told.epochs) == len(history.epochs)
    assert same(again, first)
    newest = max(tmp_path.iterdir())
    best = unidl.load(newest, backend="torch").predict(X)  # the last checkpoint has the best weights
    np.testing.assert_array_equal(best, first.predict(X))


def test_frozen_layers_go_along(backend, tmp_path):
    def run(epochs, keep):
        t = made(backend)
        t.model.build((6,), backend=backend)
        given = [AfterEpoch(2, lambda t: t.model.unfreeze("dense")), *keep]
        if t.epoch == 0:
            t.model.freeze("dense")  # as the script begins with it each time
        return t, t.fit(X, Y, epochs=epochs, callbacks=given, resume=bool(keep), **QUIET)

    never, _ = run(4, [])
    keep = [callbacks.Checkpoint(tmp_path)]
    run(3, keep)
    again, _ = run(4, keep)
    assert same(again, never)


def test_a_folder_of_another_run_is_left_alone(tmp_path):
    made("torch").fit(X, Y, epochs=3, callbacks=[callbacks.Checkpoint(tmp_path)], **QUIET)
    before = sorted(tmp_path.iterdir())
    t = made("torch")
    with pytest.raises(CheckpointError, match="has checkpoints of another run"):
        t.fit(X, Y, epochs=1, callbacks=[callbacks.Checkpoint(tmp_path)], **QUIET)
    assert t.steps_taken == 0
    assert sorted(tmp_path.iterdir()) == before


def test_a_refused_resume_changes_nothing(tmp_path):
    keep = callbacks.Checkpoint(tmp_path)
    made("torch").fit(X, Y, epochs=2, callbacks=[keep], **QUIET)
    t = made("torch")
    t.model.build((6,), backend="torch")
    before = t.model.weights()
    for _ in range(2):
        with pytest.raises(DataError, match="other data"):
            t.fit(X, Y, epochs=3, batch_size=8, callbacks=[keep], resume=True, progress=False)
        assert (t.steps_taken, t.epoch, t.progress) == (0, 0, None)
        with pytest.raises(ArgumentError, match="has not run yet"):
            t.fit(X, Y, resume=True, **QUIET)
    assert all(np.array_equal(before[path], value) for path, value in t.model.weights().items())


def test_the_newest_of_several_checkpoints(tmp_path):
    full, empty = callbacks.Checkpoint(tmp_path / "full"), callbacks.Checkpoint(tmp_path / "empty")
    never = made("torch")
    never.fit(X, Y, epochs=3, **QUIET)
    made("torch").fit(X, Y, epochs=2, callbacks=[full], **QUIET)
    again = made("torch")
    again.fit(X, Y, epochs=3, callbacks=[empty, full], resume=True, **QUIET)
    assert same(again, never)


def test_ctrl_c_in_the_validation_is_heeded(backend):
    class Press(unidl.metrics.Metric):
        """Presses it while the validation is read."""

        on = False

        def initial(self):
            return {"n": np.zeros((), "int64")}

        def update(self, state, targets, predictions):
            return {"n": ops.add(state["n"], 1)}

        def result(self, state):
            if Press.on:
                Press.on = False  # a second one would interrupt at once
                press(None)
            return 0.0

    never, t = made(backend, metrics=[Press()]), made(backend, metrics=[Press()])
    whole = never.fit(X, Y, epochs=2, validation_data=(X, Y), **QUIET)
    Press.on = True
    with pytest.raises(TrainingInterrupted):
        t.fit(X, Y, epochs=2, validation_data=(X, Y), **QUIET)
    assert t.steps_taken == 6
    history = t.fit(X, Y, epochs=2, validation_data=(X, Y), resume=True, **QUIET)
    np.testing.assert_array_equal(history.step_loss, whole.step_loss)
    assert history["val_loss"] == whole["val_loss"]


def test_other_optimizers_are_refused_before_anything_is_restored(backend):
    t, other = made(backend), made(backend, optimizer=optimizers.SGD(0.1, momentum=0.9))
    for one in (t, other):
        one.fit(X, Y, **QUIET)
    before = t.model.weights()
    with pytest.raises(ArgumentError, match=r"other optimizers; nothing was restored\.\nExpected: main: Adam"):
        t.restore(other.state())
    assert all(np.array_equal(before[path], value) for path, value in t.model.weights().items())


def test_restore_and_replace(backend):
    t = made(backend)
    t.fit(X, Y, **QUIET)
    state = t.state()
    t.model.replace("dense_2", layers.Dense(2, use_bias=False))
    with pytest.raises(unidl.errors.WeightError):
        t.restore(state)
    again = made(backend)
    again.model.build((6,), backend=backend)
    again.restore(state)
    again.model.replace("dense_2", layers.Dense(3))  # its optimizer's state is of other shapes: it starts anew
    assert np.isfinite(again.fit(X, Y, **QUIET).step_loss).all()


def test_a_state_without_a_run_takes_the_run_back():
    t = made("torch")
    t.model.build((6,), backend="torch")
    state = t.state()
    t.fit(X, Y, epochs=2, **QUIET)
    t.restore(state)
    assert (t.progress, t.epoch, t.steps_taken) == (None, 0, 0)


def test_a_copy_trains_on_by_itself(backend):
    t = made(backend)
    t.fit(X, Y, **QUIET)
    twin = copy.deepcopy(t)
    before = t.model.weights()
    twin.fit(X, Y, **QUIET)
    assert all(np.array_equal(before[path], value) for path, value in t.model.weights().items())
    t.fit(X, Y, **QUIET)
    assert same(t, twin)
    with pytest.raises(NotSerializableError, match="cannot be pickled"):
        pickle.dumps(t)


# -- what a callback may do --------------------------------------------------------------------------------------------------


def test_evaluating_in_the_middle_of_an_epoch(backend):
    told, plain, watched = [], made(backend), made(backend)

    def look(trainer):
        told.append((trainer.evaluate(X * 10 + 5, Y), trainer.evaluate(X, Y), unidl.to_numpy(trainer.model(X))))
        told.append(trainer.model.predict(X))

    expected = plain.fit(X, Y, epochs=2, **QUIET)
    history = watched.fit(X, Y, epochs=2, callbacks=[At(3, look)], **QUIET)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)  # moving statistics stay, too
    assert same(watched, plain)
    (_, numbers, called), predicted = told
    np.testing.assert_array_equal(called, predicted)
    assert numbers["accuracy"] == pytest.approx((predicted.argmax(1) == Y).mean())
    assert watched.evaluate(X, Y)["accuracy"] == pytest.approx((watched.predict(X).argmax(1) == Y).mean())


def test_random_numbers_of_epochs_and_steps_do_not_overlap(backend):
    class Draws(unidl.Trainer):
        def training_step(self, batch):
            drawn = {name: ops.random.uniform(()) for name in "ab"}
            return {"loss": self.minimize(lambda: ops.mean(ops.square(self.model(batch)))), **drawn}

    class Keep(callbacks.Callback):
        every_steps = 1

        def __init__(self):
            self.seen = []

        def on_steps(self, trainer, numbers):
            self.seen += [numbers["a"], numbers["b"]]

    def draws(seed):
        t = Draws(unidl.Sequential([layers.Dense(1)]), optimizer=optimizers.SGD(0.0), backend=backend, seed=seed)
        keep = Keep()
        t.fit(X, epochs=3, callbacks=[keep], **QUIET)
        stepped = [t.step(X) for _ in range(3)]
        return keep.seen + [numbers[name] for numbers in stepped for name in "ab"]

    found = draws(0) + draws(1)
    assert len(set(found)) == len(found)
