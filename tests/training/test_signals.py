"""Ctrl-C, SIGTERM and SIGHUP end a run after its step; a source that waits is left at once; other handlers are other people's."""

import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import unidl
from unidl import callbacks, data, layers, optimizers
from unidl.errors import TrainingInterrupted, TrainingTerminated

ROOT = Path(unidl.__file__).parent.parent
RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 8, "progress": False}
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
DEFAULT = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
RAISED = {signal.SIGINT: TrainingInterrupted, signal.SIGTERM: TrainingTerminated, signal.SIGHUP: TrainingTerminated}


def made(backend):
    inner = [layers.Dense(8, activation="relu"), layers.Dropout(0.2), layers.Dense(2)]
    return unidl.Trainer(unidl.Sequential(inner), "cross_entropy", optimizers.Adam(1e-2), backend=backend)


class At(callbacks.Callback):
    """Does something after a step."""

    every_steps = 1

    def __init__(self, step, act):
        self.step, self.act = step, act

    def on_steps(self, trainer, numbers):
        if trainer.steps_taken == self.step:
            self.act(trainer)


def send(number):
    return lambda trainer: os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_run_after_a_whole_step(number, backend, tmp_path, capsys):
    keep = callbacks.Checkpoint(tmp_path)
    whole = made(backend)
    expected = whole.fit(X, Y, epochs=3, **QUIET)
    t = made(backend)
    with pytest.raises(RAISED[number]) as raised:
        t.fit(X, Y, epochs=3, callbacks=[At(20, send(number)), keep], **QUIET)
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    assert str(raised.value) == (
        f"Training was stopped by {name} after step 20 (epoch 2, step 8 of it). It is saved in {str(tmp_path)!r}. "
        "fit(…, resume=True) goes on from there."
    )
    assert raised.value.history.stopped == name
    assert t.steps_taken == 20
    if number != signal.SIGINT:
        assert isinstance(raised.value, SystemExit)
        assert raised.value.code == 128 + number
        assert str(raised.value) in capsys.readouterr().err
    for handled, default in DEFAULT.items():
        assert signal.getsignal(handled) is default
    other = made(backend)  # another process would do so
    for resumed, given in ((t, []), (other, [keep])):
        history = resumed.fit(X, Y, epochs=3, callbacks=given, resume=True, **QUIET)
        np.testing.assert_array_equal(history.step_loss, expected.step_loss)
        for path, value in whole.model.weights().items():
            np.testing.assert_array_equal(resumed.model.weights()[path], value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("handler", ["of the user's", "ignored"])
def test_handlers_of_others_are_left_alone(number, handler):
    seen = []
    theirs = signal.SIG_IGN if handler == "ignored" else lambda *_: seen.append(number)
    before = signal.signal(number, theirs)
    try:
        history = made("torch").fit(X, Y, callbacks=[At(3, send(number))], **QUIET)
        assert history.stopped is None
        assert signal.getsignal(number) is theirs
        assert seen == ([number] if handler == "of the user's" else [])
    finally:
        signal.signal(number, before)


def test_a_handler_that_a_callback_sets_stays():
    def theirs(*_):
        pass

    try:
        made("torch").fit(X, Y, callbacks=[At(3, lambda trainer: signal.signal(signal.SIGTERM, theirs))], **QUIET)
        assert signal.getsignal(signal.SIGTERM) is theirs
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_fit_in_another_thread_leaves_signals_alone():
    seen = []
    thread = threading.Thread(
        target=lambda: made("torch").fit(
            X, Y, callbacks=[At(3, lambda trainer: seen.append(signal.getsignal(signal.SIGTERM)))], **QUIET
        )
    )
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def _waiting(batches, seconds=60):
    """A source that gives some batches and then waits, in Python as sources do."""

    def opened(epoch, start=0):
        for place in range(start, batches):
            yield X[8 * place : 8 * place + 8], Y[8 * place : 8 * place + 8]
        queue.Queue().get(timeout=seconds)

    return data.Stream(opened, steps=12)


def _after(seconds, number):
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), number))
    timer.start()
    return timer


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("batches", [0, 5])
def test_a_source_that_waits_is_left_at_once(number, batches, backend, tmp_path):
    t = made(backend)
    t.fit(X, Y, **QUIET)  # so that nothing is traced while the time runs
    keep = callbacks.Checkpoint(tmp_path)
    source = _waiting(batches)
    source._sample = (X[:8], Y[:8])  # else fit would wait for it before the run begins
    timer = _after(0.5, number)
    begun = time.monotonic()
    with pytest.raises(RAISED[number], match=f"after step {12 + batches} "):
        t.fit(source, callbacks=[keep], progress=False)
    assert time.monotonic() - begun < 20  # of 60
    timer.join()
    assert t.steps_taken == 12 + batches
    assert [path.name for path in tmp_path.glob("step-*")] == [f"step-{12 + batches:09}.unidl"]
    for handled, default in DEFAULT.items():
        assert signal.getsignal(handled) is default


def test_validation_data_that_waits_is_left_at_once(tmp_path):
    t = made("torch")
    validation = _waiting(2)
    validation._sample = (X[:8], Y[:8])
    timer = _after(0.5, signal.SIGINT)
    with pytest.raises(TrainingInterrupted):
        t.fit(X, Y, validation_data=validation, callbacks=[callbacks.Checkpoint(tmp_path)], **QUIET)
    timer.join()
    history = t.fit(X, Y, validation_data=(X, Y), resume=True, **QUIET)
    assert len(history.epochs) == 1
    assert t.steps_taken == 12


def test_what_the_source_itself_raises_is_its_own():
    def broken(epoch):
        yield X[:8], Y[:8]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        made("torch").fit(data.Stream(broken, steps=2), progress=False)
    assert not isinstance(raised.value, TrainingInterrupted)


def _worker(_):
    time.sleep(60)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_source_ends_its_forked_workers_as_ever():
    """A child of a fork has the handlers of the process as they were before the run."""

    def batches(epoch):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map_async(_worker, range(2))
            time.sleep(0.2)
            yield X[:8], Y[:8]
            pool.terminate()
            pool.join()

    begun = time.monotonic()
    made("torch").fit(data.Stream(batches, steps=1), progress=False)
    assert time.monotonic() - begun < 30


SCRIPT = """
    import os, signal, sys, time
    import numpy as np
    import unidl
    from unidl import callbacks, layers

    x = np.zeros((64, 4), "float32")

    class Send(callbacks.Callback):
        every_steps = 3

        def on_steps(self, trainer, numbers):
            for _ in range(int(sys.argv[3])):
                os.kill(os.getpid(), int(sys.argv[2]))
                time.sleep(0.05)
            print("still here", flush=True)

    t = unidl.Trainer(unidl.Sequential([layers.Dense(2)]), "mse", backend="torch")
    try:
        t.fit(x, x[:, :2], epochs=2, batch_size=8, callbacks=[Send(), callbacks.Checkpoint(sys.argv[1])], progress=False)
    finally:
        print("tidied up", flush=True)
    print("went on", flush=True)
"""


@pytest.mark.parametrize(
    ("number", "times", "code", "out", "saved"),
    [
        (signal.SIGTERM, 1, 143, ["still here", "tidied up"], ["step-000000003.unidl"]),
        (signal.SIGHUP, 1, 129, ["still here", "tidied up"], ["step-000000003.unidl"]),
        (signal.SIGTERM, 2, -15, [], []),  # the second ends it at once
    ],
)
def test_the_process_ends_as_the_signal_means(number, times, code, out, saved, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SCRIPT))
    ran = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "run"), str(int(number)), str(times)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout.split("\n")[:-1]) == (code, out), ran.stderr
    assert [path.name for path in (tmp_path / "run").glob("step-*")] == saved
    if saved:
        assert ran.stderr.strip().splitlines()[-1].startswith(f"Training was stopped by {number.name} after step 3 ")
