"""Who gets control of a running fit, and when: callbacks, Ctrl-C, a loss that is no number, data that cannot be read."""

import os
import signal
import threading

import numpy as np
import pytest

import unidl
from unidl import callbacks, data, layers, ops, optimizers
from unidl.errors import ArgumentError, DataError, NonFiniteWarning, TrainingInterrupted

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 8, "progress": False}


def made(backend, **settings):
    given = {"loss": "cross_entropy", "optimizer": optimizers.Adam(1e-2), **settings}
    return unidl.Trainer(
        unidl.Sequential([layers.Dense(8, activation="relu"), layers.Dense(2)]), backend=backend, **given
    )


class Every(callbacks.Callback):
    def __init__(self, steps, act=lambda trainer: None):
        self.every_steps, self.act, self.seen = steps, act, []

    def on_steps(self, trainer, numbers):
        self.seen.append((trainer.steps_taken, numbers["loss"]))
        self.act(trainer)


def test_callbacks_get_control_as_often_as_they_say(backend):
    five, seven = Every(5), Every(7)
    history = made(backend).fit(X, Y, epochs=2, callbacks=[five, seven], **QUIET)
    assert [step for step, _ in five.seen] == [5, 10, 15, 20]
    assert [step for step, _ in seven.seen] == [7, 14, 21]
    for step, loss in five.seen + seven.seen:
        assert loss == pytest.approx(history.step_loss[step - 1], rel=1e-6)


def test_how_often_somebody_looks_changes_no_number(backend):
    plain, watched = made(backend), made(backend)
    expected = plain.fit(X, Y, epochs=3, **QUIET).step_loss
    np.testing.assert_array_equal(watched.fit(X, Y, epochs=3, callbacks=[Every(1)], **QUIET).step_loss, expected)
    for path, value in plain.model.weights().items():
        np.testing.assert_array_equal(watched.model.weights()[path], value)


@pytest.mark.parametrize("name", ["tensorflow", "keras"])
def test_the_number_of_steps_in_a_call_traces_nothing_anew(name):
    traces = []

    class Counted(unidl.Trainer):
        def training_step(self, batch):
            traces.append(1)
            x, y = batch
            return self.minimize(lambda: self.loss(y, self.model(x)))

    t = Counted(unidl.Sequential([layers.Dense(2)]), "cross_entropy", backend=name)
    t.fit(X[:91], Y[:91], epochs=3, callbacks=[Every(5), Every(7)], **QUIET)  # the last batch of each epoch has 3
    traced = len(traces)
    t.fit(X[:91], Y[:91], epochs=3, batch_size=17, progress=False)
    assert len(traces) == traced <= 2  # TensorFlow looks at a loop's body twice at most


def test_a_callback_may_stop_after_a_step(backend):
    history = made(backend).fit(X, Y, epochs=9, callbacks=[Every(17, lambda t: t.stop())], **QUIET)
    assert history.stopped == "a callback asked for it"
    assert len(history.step_loss) == 17
    assert len(history.epochs) == 1


def test_step_is_for_loops_of_ones_own(backend):
    stepped, fitted = made(backend), made(backend)
    expected = fitted.fit(X, Y, shuffle=False, **QUIET).step_loss
    told = [stepped.step((X[i : i + 8], Y[i : i + 8])) for i in range(0, 96, 8)]
    np.testing.assert_allclose([numbers["loss"] for numbers in told], expected, rtol=1e-6)
    assert list(told[0]) == ["loss"]
    assert stepped.steps_taken == 12


def test_ctrl_c_ends_after_a_whole_step_and_says_how_to_go_on(backend, tmp_path):
    keep = callbacks.Checkpoint(tmp_path)
    never = made(backend)
    whole = never.fit(X, Y, epochs=4, **QUIET)
    t = made(backend)
    press = Every(20, lambda trainer: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(TrainingInterrupted) as told:
        t.fit(X, Y, epochs=4, callbacks=[press, keep], **QUIET)
    assert isinstance(told.value, KeyboardInterrupt)
    assert str(told.value) == (
        f"Training was stopped by Ctrl-C after step 20 (epoch 2, step 8 of it). It is saved in {str(tmp_path)!r}. "
        "fit(…, resume=True) goes on from there."
    )
    assert told.value.history.stopped == "Ctrl-C"
    assert len(told.value.history.step_loss) == t.steps_taken == 20
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    other = made(backend)  # another process would do so
    for goes_on, given in ((t, []), (other, [keep])):
        history = goes_on.fit(X, Y, epochs=4, callbacks=given, resume=True, **QUIET)
        np.testing.assert_array_equal(history.step_loss, whole.step_loss)
        for path, value in never.model.weights().items():
            np.testing.assert_array_equal(goes_on.model.weights()[path], value)


def test_ctrl_c_from_outside_is_heeded_soon(backend):
    """By a timer, in the middle of wherever the run is; how soon is in the benchmarks, here it is that it ends at all."""
    t = made(backend)
    t.fit(X, Y, **QUIET)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(TrainingInterrupted):
        t.fit(X, Y, epochs=10**6, **QUIET)
    timer.join()


def test_somebody_elses_handler_stays(backend):
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        press = Every(5, lambda trainer: os.kill(os.getpid(), signal.SIGINT))
        history = made(backend).fit(X, Y, callbacks=[press], **QUIET)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(seen) == 2
    assert history.stopped is None


def test_a_loss_that_is_no_number_stops_the_run(backend, tmp_path):
    x = X.copy()
    x[50] = np.nan
    keep = callbacks.Checkpoint(tmp_path, every_steps=1)
    t = made(backend)
    with pytest.warns(NonFiniteWarning, match=r"'loss' is nan at step 7 \(epoch 1\)\. The run ends here\."):
        history = t.fit(x, Y, epochs=1000, shuffle=False, callbacks=[keep], **QUIET)
    assert history.stopped == "'loss' is nan at step 7"
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step-000000005.unidl", "step-000000006.unidl"]
    t = made(backend)
    with pytest.warns(NonFiniteWarning, match="The run goes on") as told:
        history = t.fit(x, Y, epochs=2, shuffle=False, on_nonfinite="go on", **QUIET)
    assert [w.category for w in told].count(NonFiniteWarning) == 1
    assert len(history.epochs) == 2
    with pytest.raises(ArgumentError, match="invalid value for on_nonfinite"):
        t.fit(X, Y, on_nonfinite="raise", **QUIET)


# -- sources -----------------------------------------------------------------------------------------------------------------


def batches(epoch, start=0):
    rng = np.random.default_rng(epoch)
    order = rng.permutation(96)
    for first in range(start * 8, 96, 8):
        yield X[order[first : first + 8]], Y[order[first : first + 8]]


def one_batch_list(epoch):
    yield from batches(epoch)


def test_a_stream_is_trained_on_as_its_batches_are(backend):
    t = made(backend)
    history = t.fit(data.Stream(batches), epochs=3, validation_data=data.Stream(list(batches(0))), progress=False)
    assert len(history.step_loss) == 36
    assert "val_loss" in history.epochs[0]
    again = made(backend)
    stepped = [again.step(batch)["loss"] for epoch in range(3) for batch in batches(epoch)]
    np.testing.assert_allclose(stepped, history.step_loss, rtol=1e-6)


@pytest.mark.parametrize("open_them", [batches, one_batch_list])
def test_a_source_that_raises_in_the_middle_loses_nothing(open_them, backend, tmp_path):
    never = made(backend)
    whole = never.fit(data.Stream(open_them), epochs=3, progress=False)
    broken = [True]

    def flaky(*place):
        for i, batch in enumerate(open_them(*place)):
            if broken and place[0] == 1 and i == 5:
                broken.clear()
                raise OSError("the disk is gone")
            yield batch

    # the wrapper takes what the function takes
    opened = (lambda epoch, start: flaky(epoch, start)) if open_them is batches else (lambda epoch: flaky(epoch))
    keep = callbacks.Checkpoint(tmp_path)
    with pytest.raises(OSError, match="the disk is gone") as told:
        made(backend).fit(data.Stream(opened), epochs=3, callbacks=[keep], progress=False)
    assert told.value.__notes__ == [
        "The data was to give the batch of step 6 of epoch 2. All steps before were taken whole, and fit(…, resume=True) goes on "
        "from there."
    ]
    again = made(backend)
    history = again.fit(data.Stream(opened), epochs=3, callbacks=[keep], resume=True, progress=False)
    np.testing.assert_array_equal(history.step_loss, whole.step_loss)
    for path, value in never.model.weights().items():
        np.testing.assert_array_equal(again.model.weights()[path], value)


def test_a_source_that_cannot_seek_says_so(tmp_path):
    keep = callbacks.Checkpoint(tmp_path, every_steps=5)
    with pytest.raises(ZeroDivisionError):
        made("torch").fit(
            data.Stream(one_batch_list, seek="refuse"),
            callbacks=[Every(7, lambda t: 1 // 0), keep],
            progress=False,
        )
    with pytest.raises(DataError, match=r"cannot begin behind its first 5 batches\.\nExpected: a source that seeks"):
        made("torch").fit(data.Stream(one_batch_list, seek="refuse"), callbacks=[keep], resume=True, progress=False)


def test_what_is_no_stream():
    with pytest.raises(ArgumentError, match=r"Give the function that makes it"):
        data.Stream(batches(0))
    with pytest.raises(ArgumentError, match="an iterable of batches, or a function"):
        data.Stream(3)
    with pytest.raises(DataError, match="The Stream has no batch"):
        made("torch").fit(data.Stream([]), progress=False)
    with pytest.raises(DataError, match="one number of examples along the first axis"):
        made("torch").fit(data.Stream([(X[:3], Y[:4])]), progress=False)
    with pytest.raises(DataError, match="has targets and weights in its batches"):
        made("torch").fit(data.Stream(batches), Y, progress=False)


def test_arrays_that_do_not_lie_on_the_device_whole(backend, monkeypatch, tmp_path):
    from unidl.training import feed

    whole = made(backend).fit(X, Y, epochs=2, **QUIET)
    mapped = np.memmap(tmp_path / "x", "float32", "w+", shape=X.shape)
    mapped[:] = X
    monkeypatch.setattr(feed, "CARRIED_BYTES", 1000)  # 3 batches at a time
    history = made(backend).fit(mapped, Y, epochs=2, **QUIET)
    np.testing.assert_array_equal(history.step_loss, whole.step_loss)


def test_a_custom_step_over_integers_and_streams(backend):
    class Own(unidl.Trainer):
        def training_step(self, batch):
            x = batch
            return {"loss": self.minimize(lambda: ops.mean(ops.square(self.model(x))))}

    t = Own(unidl.Sequential([layers.Dense(1)]), optimizer=optimizers.SGD(0.1), backend=backend)
    history = t.fit(data.Stream([X[i : i + 8] for i in range(0, 96, 8)]), epochs=4, progress=False)
    assert history["loss"][-1] < history["loss"][0]


def test_a_pace_fills_the_time():
    from unidl.training.control import Pace

    pace = Pace(seconds=0.2)
    taken = []
    for _ in range(8):
        taken.append(pace.steps)
        pace.measured(pace.steps, 0.001 * pace.steps)
    assert taken == [1, 4, 16, 64, 200, 200, 200, 200]
    pace.measured(200, 20.0)
    assert pace.steps == 2
