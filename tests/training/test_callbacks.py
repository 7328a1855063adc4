"""The callbacks that unidl has: each against its plain meaning, and in a run that is killed and resumed."""

import csv

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, optimizers, schedules
from unidl.errors import ArgumentError, FileError, ForeignNameError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 8, "progress": False}


def made(backend, rate=0.1, **settings):
    given = {"loss": "cross_entropy", "optimizer": optimizers.SGD(rate), "metrics": ["accuracy"], **settings}
    return unidl.Trainer(
        unidl.Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)]), backend=backend, **given
    )


class Scores(callbacks.Callback):
    """Adds a number to the epochs, from a list."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, trainer, numbers):
        numbers["score"] = self.values[len(trainer.progress.epochs) - 1]


class Killed(BaseException):
    pass


class Kill(callbacks.Callback):
    """Ends the process, as far as a test can."""

    def __init__(self, at):
        self.every_steps = at

    def on_steps(self, trainer, numbers):
        if trainer.steps_taken == self.every_steps:
            raise Killed


def resumed(backend, folder, make, epochs=6, at=15, **settings):
    """A run that never stopped, and one that was killed and resumed: the histories, Trainers and callbacks of both."""
    never, given = made(backend, **settings), make()
    whole = never.fit(X, Y, epochs=epochs, validation_data=(X, Y), callbacks=given, **QUIET)
    keep = callbacks.Checkpoint(folder / "run", every_steps=3)
    with pytest.raises(Killed):
        made(backend, **settings).fit(
            X, Y, epochs=epochs, validation_data=(X, Y), callbacks=[*make(), Kill(at), keep], **QUIET
        )
    other, again = made(backend, **settings), make()
    history = other.fit(
        X,
        Y,
        epochs=epochs,
        validation_data=(X, Y),
        callbacks=[*again, callbacks.Checkpoint(folder / "run")],
        resume=True,
        **QUIET,
    )
    for path, value in never.model.weights().items():
        np.testing.assert_array_equal(other.model.weights()[path], value)
    np.testing.assert_array_equal(history.step_loss, whole.step_loss)
    return (whole, never, given), (history, other, again)


# -- early stopping ----------------------------------------------------------------------------------------------------------


def test_early_stopping_says_what_it_did(capsys):
    trainer, stopping = made("torch"), callbacks.EarlyStopping("score", patience=2, mode="max")
    kept = []
    keeps = callbacks.Lambda(on_epoch_begin=lambda trainer: kept.append(trainer.model.weights()))
    given = [Scores([1.0, 3.0, 2.0, 2.5, 9.0]), stopping, keeps]
    history = trainer.fit(X, Y, epochs=5, callbacks=given, batch_size=8)
    said = "EarlyStopping: 'score' was best in epoch 2: 3; the weights of that epoch are restored"
    assert history.stopped == f"a callback asked for it: {said}"
    assert said in capsys.readouterr().out
    assert (stopping.best, stopping.best_epoch, len(history.epochs)) == (3.0, 2, 4)
    for path, value in kept[2].items():
        np.testing.assert_array_equal(trainer.model.weights()[path], value)


def test_early_stopping_says_that_weights_are_restored_at_the_end_too(capsys):
    given = [Scores([3.0, 2.0]), callbacks.EarlyStopping("score", mode="max", patience=9)]
    history = made("torch").fit(X, Y, epochs=2, callbacks=given, batch_size=8)
    assert history.stopped is None
    assert "EarlyStopping: the weights of epoch 1 are restored ('score' 3)" in capsys.readouterr().out


def test_nan_is_never_the_best():
    stopping = callbacks.EarlyStopping("score", mode="min", patience=2)
    made("torch").fit(X, Y, epochs=4, callbacks=[Scores([np.nan, 2.0, np.nan, 3.0]), stopping], **QUIET)
    assert (stopping.best, stopping.best_epoch) == (2.0, 2)


# -- learning rates ----------------------------------------------------------------------------------------------------------


def test_reduce_lr_on_plateau(backend):
    trainer = made(backend, 1.0)
    plateau = callbacks.ReduceLROnPlateau(
        "score", factor=0.5, patience=2, min_delta=0.1, cooldown=1, min_lr=0.2, mode="max"
    )
    rates = callbacks.LearningRateMonitor()
    scores = [1.0, 2.0, 2.05, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    trainer.fit(X, Y, epochs=10, callbacks=[Scores(scores), plateau, rates], **QUIET)
    # epoch 2 is the best; 3 and 4 are not: halved; 5 is the cooldown, 6 and 7 count: halved; 8 cools; 9 and 10: the least
    expected = [1.0] * 4 + [0.5] * 3 + [0.25] * 3
    assert rates.learning_rates["main"].tolist() == np.repeat(expected, 6).tolist()
    assert plateau.best == 2.0
    assert trainer.optimizers["main"].learning_rate(0) == 0.2


def test_reduce_lr_needs_a_rate_that_is_a_number():
    trainer = made("torch", schedules.Cosine(0.1, steps=9))
    with pytest.raises(
        ArgumentError, match="cannot change the learning rate of the optimizer 'main', which a schedule sets"
    ):
        trainer.fit(X, Y, callbacks=[callbacks.ReduceLROnPlateau()], **QUIET)


def test_a_reduced_rate_survives_a_kill(backend, tmp_path):
    def make():
        return [callbacks.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=5.0), callbacks.LearningRateMonitor()]

    (_, never, given), (_, other, again) = resumed(backend, tmp_path, make)
    assert other.optimizers["main"].learning_rate(0) == never.optimizers["main"].learning_rate(0) < 0.1
    np.testing.assert_array_equal(again[1].learning_rates["main"], given[1].learning_rates["main"])


def test_a_rate_that_a_callback_sets_survives_a_kill(tmp_path):
    def make():
        def halve(trainer, numbers):
            trainer.optimizers["main"].learning_rate = 0.1 / 2 ** (trainer.steps_taken // 4)

        return [callbacks.Lambda(on_steps=halve, every_steps=4)]

    (_, never, _), (_, other, _) = resumed("torch", tmp_path, make, at=18)
    assert other.optimizers["main"].learning_rate(0) == never.optimizers["main"].learning_rate(0)


def test_a_rate_set_between_fits_holds_from_the_next_step(backend):
    trainer, rates = made(backend), callbacks.LearningRateMonitor()
    trainer.fit(X, Y, **QUIET)
    trainer.optimizers["main"].learning_rate = 0.0
    before = trainer.model.weights()
    trainer.fit(X, Y, callbacks=[rates], **QUIET)
    assert rates.learning_rates["main"].tolist() == [0.0] * 6
    for path, value in before.items():
        np.testing.assert_array_equal(trainer.model.weights()[path], value)


def test_the_finder_takes_its_steps_back(backend):
    plain, found = made(backend), made(backend)
    finder = callbacks.LearningRateFinder(1e-4, 100.0, steps=40, update=False)
    rates = callbacks.LearningRateMonitor()
    expected = plain.fit(X, Y, epochs=2, **QUIET)
    history = found.fit(X, Y, epochs=2, callbacks=[finder, rates], **QUIET)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)
    for path, value in plain.model.weights().items():
        np.testing.assert_array_equal(found.model.weights()[path], value)
    assert found.steps_taken == 12
    assert 1e-3 < finder.suggestion < 30.0
    assert len(finder.losses) == len(finder.learning_rates)
    assert rates.learning_rates["main"].tolist() == [0.1] * 12


def test_the_finder_s_rate_is_trained_with_and_drawn():
    trainer, finder = made("torch"), callbacks.LearningRateFinder(1e-4, 100.0, steps=40)
    with pytest.raises(ArgumentError, match="has not run yet"):
        unidl.plot(finder)
    trainer.fit(X, Y, callbacks=[finder], **QUIET)
    assert trainer.optimizers["main"].learning_rate(0) == finder.suggestion
    picture = unidl.plot(finder)._repr_svg_()
    assert "log10 of the learning rate" in picture
    assert "running mean" in picture


def test_a_found_rate_survives_a_kill(tmp_path):
    def make():
        return [callbacks.LearningRateFinder(1e-4, 100.0, steps=40), callbacks.LearningRateMonitor()]

    (_, _, (found, rates)), (_, _, (again, others)) = resumed("torch", tmp_path, make)
    assert again.suggestion == found.suggestion
    np.testing.assert_array_equal(again.losses, found.losses)
    np.testing.assert_array_equal(others.learning_rates["main"], rates.learning_rates["main"])


def test_a_finder_without_a_slope_says_so():
    trainer = made("torch")
    with pytest.raises(ArgumentError, match="found no learning rate at which the loss falls"):
        trainer.fit(
            X, Y, batch_size=48, progress=False, callbacks=[callbacks.LearningRateFinder(1e-30, 1e-29, steps=10)]
        )


# -- gradients ---------------------------------------------------------------------------------------------------------------


def test_gradient_norms_are_those_of_the_gradients(backend):
    trainer = made(backend, 0.0)
    history = trainer.fit(X, Y, callbacks=[callbacks.GradientNorms()], batch_size=48, progress=False)
    model = trainer.model
    with unidl.using(backend):
        gradients = unidl.grad(lambda: trainer.loss(Y, model(X, training=True)), of=model)()
    for layer in ("dense", "dense_2"):
        squares = [np.square(unidl.to_numpy(g)).sum() for path, g in gradients.items() if path.startswith(f"{layer}/")]
        assert history[f"gradient_norm/{layer}"] == [pytest.approx(np.sqrt(sum(squares)), rel=1e-4)]
    assert "gradient_norm/dense" not in trainer.fit(X, Y, **QUIET).names()  # and costs nothing any more
    assert list(trainer.step((X, Y))) == ["loss", "accuracy"]


# -- loggers -----------------------------------------------------------------------------------------------------------------


def rows(path):
    with open(path, newline="") as stream:
        return list(csv.reader(stream))


def test_csv_logger_writes_the_history(backend, tmp_path):
    path = tmp_path / "log.csv"
    late = callbacks.Lambda(
        on_epoch_end=lambda trainer, numbers: numbers.update({"a, b": 1.0}) if trainer.epoch == 2 else None
    )
    history = made(backend).fit(X, Y, epochs=3, callbacks=[late, callbacks.CSVLogger(path)], **QUIET)
    head, *body = rows(path)
    assert head == ["epoch", *history.names()]
    for i, (row, epoch) in enumerate(zip(body, history.epochs, strict=True)):
        assert row[0] == str(i + 1)
        assert {name: float(cell) for name, cell in zip(head[1:], row[1:], strict=True) if cell} == epoch


def test_csv_logger_resumes_appends_and_refuses(tmp_path):
    paths = iter([tmp_path / "never.csv", tmp_path / "killed.csv", tmp_path / "killed.csv"])
    resumed("torch", tmp_path, lambda: [callbacks.CSVLogger(next(paths))])

    def without_seconds(path):
        head, *body = rows(path)
        column = head.index("seconds")
        return [[cell for i, cell in enumerate(row) if i != column] for row in (head, *body)]

    assert without_seconds(tmp_path / "killed.csv") == without_seconds(tmp_path / "never.csv")
    again = callbacks.CSVLogger(tmp_path / "never.csv", append=True)
    made("torch").fit(X, Y, epochs=2, callbacks=[again], **QUIET)
    assert [row[0] for row in rows(tmp_path / "never.csv")] == ["epoch", *"123456", *"12"]
    trainer = made("torch")
    with pytest.raises(FileError, match="CSVLogger"):
        trainer.fit(X, Y, callbacks=[callbacks.CSVLogger(tmp_path / "none" / "log.csv")], **QUIET)
    assert trainer.steps_taken == 0


def test_a_timer_stops_a_run_and_counts_on(tmp_path):
    timer = callbacks.Timer(1e-9)
    history = made("torch").fit(X, Y, epochs=10**6, callbacks=[timer], **QUIET)
    assert history.stopped == "a callback asked for it: Timer: 1e-09 seconds are over"
    (_, _, _), (_, _, (again,)) = resumed("torch", tmp_path, lambda: [callbacks.Timer()])
    assert len(again.epoch_seconds) == 6
    assert 0 < sum(again.epoch_seconds) <= again.seconds


def test_model_summary_is_printed(capsys):
    trainer = made("torch")
    trainer.fit(X, Y, callbacks=[callbacks.ModelSummary()], **QUIET)
    assert "34 parameters" in capsys.readouterr().out


def test_lambda_takes_hooks_and_says_what_they_take():
    seen = []
    each = callbacks.Lambda(on_steps=lambda trainer, numbers: seen.append(trainer.steps_taken), every_steps=4)
    made("torch").fit(X, Y, callbacks=[each, callbacks.Lambda(on_end=lambda trainer: seen.append("end"))], **QUIET)
    assert seen == [4, "end"]
    with pytest.raises(
        ForeignNameError,
        match=r"Lambda\(on_epoch_end=…\) takes other arguments .*\nExpected: on_epoch_end\(trainer, numbers\)",
    ):
        callbacks.Lambda(on_epoch_end=lambda epoch, logs: None)
    with pytest.raises(ArgumentError, match="every_steps says how often on_steps is called"):
        callbacks.Lambda(every_steps=3)
    with pytest.raises(ArgumentError, match="invalid value for on_start"):
        callbacks.Lambda(on_start=3)


# -- checkpoints -------------------------------------------------------------------------------------------------------------


def steps_in(folder):
    return sorted(int(path.name[5:14]) for path in folder.glob("step-*.unidl"))


def test_a_checkpoint_of_the_best_epoch(tmp_path):
    weights = []
    trainer, keep = made("torch"), callbacks.Checkpoint(tmp_path, keep=2, monitor="score", mode="max")
    after = callbacks.Lambda(on_epoch_end=lambda trainer, numbers: weights.append(trainer.model.weights()))
    trainer.fit(X, Y, epochs=6, callbacks=[Scores([1.0, 5.0, 2.0, 4.0, 3.0, 0.0]), after, keep], **QUIET)
    assert steps_in(tmp_path) == [12, 24, 30, 36]  # the best two, and the newest two
    assert keep.best == 5.0
    best = unidl.load(keep.best_path, backend="torch").weights()
    for path, value in weights[1].items():
        np.testing.assert_array_equal(best[path], value)


def test_the_best_checkpoint_survives_a_kill(tmp_path):
    def make():
        return [Scores([1.0, 5.0, 2.0, 4.0, 3.0, 0.0])]

    def keep(name):
        return callbacks.Checkpoint(tmp_path / name, every_steps=3, monitor="score", mode="max")

    made("torch").fit(X, Y, epochs=6, callbacks=[*make(), keep("never")], **QUIET)
    with pytest.raises(Killed):
        made("torch").fit(X, Y, epochs=6, callbacks=[*make(), Kill(27), keep("killed")], **QUIET)
    again = keep("killed")
    made("torch").fit(X, Y, epochs=6, callbacks=[*make(), again], resume=True, **QUIET)
    assert again.best == 5.0
    assert steps_in(tmp_path / "killed") == steps_in(tmp_path / "never")


def test_checkpoints_of_weights_alone(backend, tmp_path):
    trainer = made(backend)
    trainer.fit(X, Y, epochs=4, callbacks=[callbacks.Checkpoint(tmp_path, weights_only=True)], **QUIET)
    assert steps_in(tmp_path) == [18, 24]
    loaded = unidl.load(tmp_path / "step-000000024.unidl", backend=backend)
    for path, value in trainer.model.weights().items():
        np.testing.assert_array_equal(loaded.weights()[path], value)
    with pytest.raises(ArgumentError, match="nothing that fit"):
        made(backend).fit(X, Y, callbacks=[callbacks.Checkpoint(tmp_path, weights_only=True)], resume=True, **QUIET)


def test_a_monitor_of_nothing_is_refused(tmp_path):
    trainer = made("torch")
    for callback in (callbacks.Checkpoint(tmp_path, monitor="val_loss"), callbacks.ReduceLROnPlateau("val_loss")):
        with pytest.raises(
            ArgumentError, match=f"{type(callback).__name__} watches 'val_loss', which this run does not have"
        ):
            trainer.fit(X, Y, callbacks=[callback], **QUIET)
    with pytest.raises(ArgumentError, match="there is no monitor"):
        callbacks.Checkpoint(tmp_path, mode="min")
