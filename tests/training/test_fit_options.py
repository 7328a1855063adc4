"""How far `fit` goes and how much of the data it takes, each option against its plain meaning."""

import itertools
from datetime import timedelta

import numpy as np
import pytest

import unidl
from unidl import callbacks, data, layers, optimizers
from unidl.errors import ArgumentError, DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(44, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 8, "progress": False}  # 6 steps an epoch, the last on 4 examples


def made(backend="torch", **settings):
    given = {"loss": "cross_entropy", "optimizer": optimizers.Adam(1e-2), "metrics": ["accuracy"], **settings}
    return unidl.Trainer(
        unidl.Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)]), backend=backend, **given
    )


def endless(epoch):
    """Batches that never end."""
    rng = np.random.default_rng(epoch)
    while True:
        chosen = rng.integers(0, 44, 8)
        yield X[chosen], Y[chosen]


def same_weights(one, other):
    for path, value in one.model.weights().items():
        np.testing.assert_array_equal(other.model.weights()[path], value)


# -- validation --------------------------------------------------------------------------------------------------------------


def test_validation_split_is_the_last_examples(backend):
    split, given = made(backend), made(backend)
    history = split.fit(X, Y, epochs=2, validation_split=0.25, **QUIET)
    expected = given.fit(X[:33], Y[:33], epochs=2, validation_data=(X[33:], Y[33:]), **QUIET)
    same_weights(split, given)
    assert history["val_loss"] == expected["val_loss"]


def test_validation_split_takes_weights_and_nested_inputs_along():
    weights = np.linspace(0, 1, 44).astype("float32")
    split, given = made(), made()
    history = split.fit(X, Y, sample_weight=weights, validation_split=0.5, **QUIET)
    held_out = (X[22:], Y[22:], weights[22:])
    expected = given.fit(X[:22], Y[:22], sample_weight=weights[:22], validation_data=held_out, **QUIET)
    assert history["val_loss"] == expected["val_loss"]


def test_validation_split_refuses_what_it_cannot_cut():
    for message, fitting in {
        "both say what is evaluated on": {"x": X, "y": Y, "validation_split": 0.5, "validation_data": (X, Y)},
        "cuts arrays, and the data is a source": {"x": data.Stream(endless, steps=2), "validation_split": 0.5},
        "leaves no example": {"x": X[:1], "y": Y[:1], "validation_split": 0.1},
        "there are no targets": {"x": X, "validation_split": 0.1},
    }.items():
        trainer = made()
        with pytest.raises((ArgumentError, DataError), match=message):
            trainer.fit(fitting.pop("x"), fitting.pop("y", None), **fitting, **QUIET)
        assert trainer.steps_taken == 0


def test_validation_freq(backend):
    every, second = made(backend), made(backend)
    expected = every.fit(X, Y, epochs=5, validation_data=(X, Y), **QUIET)
    stopping = callbacks.EarlyStopping(patience=2)
    history = second.fit(X, Y, epochs=5, validation_data=(X, Y), validation_freq=2, callbacks=[stopping], **QUIET)
    assert ["val_loss" in epoch for epoch in history.epochs] == [False, True, False, True, False]
    assert history["val_loss"] == expected["val_loss"][1::2]
    assert len(history.epochs) == 5


# -- epochs of another length ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 4, 6, 9])
def test_steps_per_epoch_cuts_the_same_batches_elsewhere(steps, backend):
    plain, cut = made(backend), made(backend)
    expected = plain.fit(X, Y, epochs=6, shuffle=True, **QUIET)
    history = cut.fit(X, Y, epochs=36 // steps, steps_per_epoch=steps, **QUIET)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)
    assert len(history.epochs) == 36 // steps
    same_weights(plain, cut)


def batches(epoch):
    for first in range(0, 44, 8):
        chosen = np.random.default_rng(epoch).permutation(44)[first : first + 8]
        yield X[chosen], Y[chosen]


@pytest.mark.parametrize("known", [True, False])
def test_steps_per_epoch_of_a_stream(known):
    stream = data.Stream(batches, steps=6 if known else None)
    plain, cut = made(), made()
    expected = plain.fit(stream, epochs=6, progress=False)
    history = cut.fit(stream, epochs=4, steps_per_epoch=9, progress=False)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)
    again = made()
    again.fit(stream, epochs=2, steps_per_epoch=9, progress=False)
    again.fit(stream, epochs=2, steps_per_epoch=9, progress=False)
    same_weights(plain, again)


def test_a_source_that_never_ends_is_read_on(backend):
    trainer = made(backend)
    history = trainer.fit(data.Stream(endless), epochs=3, steps_per_epoch=5, progress=False)
    expected = [made(backend).step(batch)["loss"] for batch in itertools.islice(endless(0), 1)]
    assert len(history.step_loss) == 15
    assert len(set(history.step_loss.tolist())) == 15  # no batch comes again in the next epoch
    assert history.step_loss[0] == pytest.approx(expected[0], rel=1e-5)


def test_a_source_without_a_batch():
    with pytest.raises(DataError, match="no batch"):
        made().fit(data.Stream([]), steps_per_epoch=2, progress=False)


# -- limits ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 6, 9, 12])
def test_max_steps_ends_there_and_resumes_exactly(most, backend):
    never, cut = made(backend), made(backend)
    expected = never.fit(X, Y, epochs=4, **QUIET)
    history = cut.fit(X, Y, max_steps=most, validation_data=(X, Y), **QUIET)
    assert (cut.steps_taken, len(history.step_loss)) == (most, most)
    assert history.stopped == "max_steps was reached"
    assert len(history.epochs) == -(-most // 6)  # an epoch that is cut short is in the history
    assert all("val_loss" in epoch for epoch in history.epochs)
    history = cut.fit(X, Y, epochs=4, resume=True, **QUIET)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)
    assert [epoch["loss"] for epoch in history.epochs] == expected["loss"]
    same_weights(never, cut)


def test_epochs_or_steps_whichever_is_first():
    assert made().fit(X, Y, epochs=2, max_steps=100, **QUIET).stopped is None
    assert len(made().fit(X, Y, epochs=100, max_steps=7, **QUIET).step_loss) == 7
    assert len(made().fit(X, Y, **QUIET).epochs) == 1


def test_max_steps_of_a_source_that_never_ends():
    history = made().fit(data.Stream(endless), max_steps=7, progress=False)
    assert len(history.step_loss) == 7
    assert len(history.epochs) == 1


@pytest.mark.parametrize("limit", [0.3, timedelta(seconds=0.3)])
def test_max_time_ends_a_run_that_can_be_resumed(limit):
    trainer = made()
    history = trainer.fit(X, Y, max_time=limit, **QUIET)
    assert history.stopped == "max_time was reached"
    before = trainer.steps_taken
    more = trainer.fit(X, Y, max_steps=before + 7, max_time=600, resume=True, **QUIET)
    assert trainer.steps_taken == before + 7
    np.testing.assert_array_equal(more.step_loss[:before], history.step_loss)
    never = made()
    np.testing.assert_array_equal(never.fit(X, Y, max_steps=trainer.steps_taken, **QUIET).step_loss, more.step_loss)


def test_a_limit_is_resumed_from_a_checkpoint(tmp_path):
    never = made()
    expected = never.fit(X, Y, max_steps=20, **QUIET)
    made().fit(X, Y, max_steps=8, callbacks=[callbacks.Checkpoint(tmp_path)], **QUIET)
    other = made()
    history = other.fit(X, Y, max_steps=20, callbacks=[callbacks.Checkpoint(tmp_path)], resume=True, **QUIET)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)
    same_weights(never, other)


# -- trying ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "steps"), [(True, 1), (3, 3)])
def test_fast_dev_run_is_one_short_epoch_without_files(given, steps, tmp_path):
    called = []
    each = callbacks.Lambda(on_epoch_end=lambda trainer, numbers: called.append(sorted(numbers)))
    writes = [
        callbacks.Checkpoint(tmp_path / "a"),
        callbacks.CSVLogger(tmp_path / "b"),
        callbacks.TensorBoard(tmp_path / "c"),
    ]
    history = made().fit(
        X,
        Y,
        epochs=50,
        max_steps=9,
        validation_data=(X, Y),
        fast_dev_run=given,
        resume=True,
        callbacks=[each, *writes],
        **QUIET,
    )
    assert (len(history.epochs), len(history.step_loss)) == (1, steps)
    assert "val_loss" in called[0]
    assert not list(tmp_path.iterdir())


def test_an_input_that_is_not_finite_is_seen_in_epochs_of_another_length():
    x = X.copy()
    x[20] = np.nan
    with pytest.warns(unidl.errors.NonFiniteWarning, match="example 20"):
        history = made().fit(x, Y, steps_per_epoch=4, shuffle=False, **QUIET)
    assert history.stopped == "'loss' is nan at step 3"


@pytest.mark.parametrize(("given", "batches"), [(2, 2), (0.5, 3)])
def test_overfit_batches_trains_on_the_first_ones_over_and_over(given, batches, backend):
    overfit, plain = made(backend), made(backend)
    history = overfit.fit(X, Y, epochs=3, overfit_batches=given, **QUIET)
    expected = plain.fit(X[: 8 * batches], Y[: 8 * batches], epochs=3, shuffle=False, **QUIET)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)


def test_overfit_batches_of_a_stream():
    history = made(optimizer=optimizers.SGD(0.0)).fit(data.Stream(endless), epochs=3, overfit_batches=2, progress=False)
    losses = history.step_loss.reshape(3, 2)
    np.testing.assert_allclose(losses, losses[:1].repeat(3, axis=0), rtol=1e-6)
    with pytest.raises(DataError, match="nobody knows how many there are"):
        made().fit(data.Stream(endless), overfit_batches=0.5, progress=False)


# -- the progress bar --------------------------------------------------------------------------------------------------------


def test_a_pipe_has_a_line_an_epoch(capsys):
    made().fit(X, Y, max_steps=9, batch_size=8)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1", "epoch 2"]


def test_the_running_line():
    from unidl.training.epoch_line import running_line

    numbers = {"loss": 0.5, "gradient_norm/a": 1.0, "accuracy": 0.25, "learning_rate": 1e-3, "d_learning_rate": 0.02}
    assert running_line(numbers, 83.4) == "ETA 0:01:23  loss 0.5000  accuracy 0.2500  lr 0.001  d_lr 0.02"
    assert running_line({}, None) == ""


def test_the_time_left_is_that_of_the_whole_run():
    seen = []
    trainer = made()

    def look(trainer, numbers):
        seen.append(trainer._bar._left())

    class Slow(callbacks.Callback):
        every_steps = 1

        def on_steps(self, trainer, numbers):
            import time

            time.sleep(0.01)
            look(trainer, numbers)

    trainer.fit(X, Y, epochs=4, callbacks=[Slow()], **QUIET)
    assert len(seen) == 24
    assert seen[-1] == 0.0
    assert 0.12 < seen[11] < 2.0  # half is done: 12 steps of at least 0.01 s
