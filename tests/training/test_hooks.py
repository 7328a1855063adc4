"""Callbacks' hooks: which are called, in which order, and with the numbers of which steps."""

import os
import signal

import numpy as np
import pytest

import unidl
from unidl import callbacks, data, layers, optimizers
from unidl.errors import TrainingInterrupted

RNG = np.random.default_rng(0)
X = RNG.normal(size=(44, 5)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 8, "progress": False}  # 6 steps an epoch, the last on 4 examples


def made(backend, **settings):
    given = {"loss": "cross_entropy", "optimizer": optimizers.Adam(1e-2), "metrics": ["accuracy"], **settings}
    return unidl.Trainer(
        unidl.Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)]), backend=backend, **given
    )


class Heard(callbacks.Callback):
    """Writes down every call of a hook."""

    def __init__(self, fails=None):
        self.calls, self.fails = [], fails

    def _hear(self, hook, *given):
        self.calls.append((hook, *given))
        if self.fails == hook:
            raise ZeroDivisionError("planted")

    def on_start(self, trainer):
        self._hear("start")

    def on_epoch_begin(self, trainer):
        self._hear("epoch begin", trainer.epoch, trainer.progress.position)

    def on_batches(self, trainer, logs):
        self._hear("batches", *logs.steps.tolist())

    def on_steps(self, trainer, numbers):
        self._hear("steps", trainer.steps_taken)

    def on_validation_begin(self, trainer):
        self._hear("validation begin")

    def on_validation_end(self, trainer, numbers):
        self._hear("validation end", *sorted(numbers))

    def on_epoch_end(self, trainer, numbers):
        self._hear("epoch end", *sorted(set(numbers) & {"loss", "val_loss"}))

    def on_interrupt(self, trainer):
        self._hear("interrupt")

    def on_exception(self, trainer, error):
        self._hear("exception", type(error).__name__)

    def on_end(self, trainer):
        self._hear("end")

    def names(self):
        """Its calls, those of `on_batches` as one: how many there are depends on a clock."""
        found = [call for call in self.calls if call[0] != "batches"]
        steps = [step for call in self.calls if call[0] == "batches" for step in call[1:]]
        return found, steps


def test_every_hook_in_its_order(backend):
    heard = Heard()
    made(backend).fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[heard], **QUIET)
    epoch = [
        ("validation begin",),
        ("validation end", "val_accuracy", "val_loss"),
        ("epoch end", "loss", "val_loss"),
    ]
    found, steps = heard.names()
    assert found == [("start",), ("epoch begin", 0, 0), *epoch, ("epoch begin", 1, 0), *epoch, ("end",)]
    assert steps == list(range(1, 13))


def test_batches_has_the_numbers_of_every_step_once(backend):
    class Read(callbacks.Callback):
        def __init__(self, every=None):
            self.every_steps, self.losses, self.sizes = every, [], []

        def on_batches(self, trainer, logs):
            assert logs.steps[-1] == trainer.steps_taken
            assert list(logs) == ["loss"]
            self.losses += logs["loss"].tolist()
            self.sizes += logs.sizes.tolist()

    seldom, often = Read(), Read(5)
    history = made(backend).fit(X, Y, epochs=3, callbacks=[seldom, often], **QUIET)
    np.testing.assert_array_equal(seldom.losses, history.step_loss)
    assert often.losses == seldom.losses
    assert seldom.sizes == ([8] * 5 + [4]) * 3


def test_a_hook_that_is_not_there_holds_nothing_up(backend):
    """Numbers of all steps need no more calls of the loop than nobody's: only every_steps does."""
    calls = []

    class Counting(unidl.training.observing.Observer):
        def took(self, trainer, count, seconds):
            calls.append(count)

    trainer = made(backend)
    trainer.fit(X, Y, epochs=4, **QUIET)  # traced, and its pace known
    trainer.engine.pace.steps = 100
    counting = Counting()
    unidl.training.observing.OBSERVERS.append(counting)
    try:
        trainer.fit(X, Y, epochs=1, callbacks=[Heard()], **QUIET)
    finally:
        unidl.training.observing.OBSERVERS.remove(counting)
    assert calls == [6]


@pytest.mark.parametrize("hook", ["epoch begin", "batches", "validation begin", "validation end", "epoch end"])
def test_an_error_in_a_hook_is_known_to_all(hook):
    fails, other = Heard(hook), Heard()
    with pytest.raises(ZeroDivisionError, match="planted") as caught:
        made("torch").fit(X, Y, validation_data=(X, Y), callbacks=[fails, other], **QUIET)
    assert f"Heard.on_{hook.replace(' ', '_')} raised it after step" in caught.value.__notes__[0]
    assert fails.calls[-1] == other.calls[-1] == ("exception", "ZeroDivisionError")


def test_all_are_told_of_an_error_even_if_one_raises_then():
    def batches(epoch):
        yield X[:8], Y[:8]
        raise OSError("the disk is gone")

    fails, other = Heard("exception"), Heard()
    with pytest.raises(ZeroDivisionError) as caught:
        made("torch").fit(data.Stream(batches), callbacks=[fails, other], progress=False)
    assert isinstance(caught.value.__context__, OSError)
    assert other.calls[-2:] == [("interrupt",), ("exception", "OSError")]


def test_ctrl_c_is_an_interrupt_and_no_exception():
    class Press(callbacks.Callback):
        every_steps = 3

        def on_steps(self, trainer, numbers):
            os.kill(os.getpid(), signal.SIGINT)

    heard = Heard()
    trainer = made("torch")
    with pytest.raises(TrainingInterrupted):
        trainer.fit(X, Y, callbacks=[Press(), heard], **QUIET)
    assert heard.calls[-1] == ("interrupt",)
    heard.calls.clear()
    trainer.fit(X, Y, callbacks=[heard], resume=True, **QUIET)
    assert heard.names() == ([("start",), ("epoch begin", 0, 3), ("epoch end", "loss"), ("end",)], [4, 5, 6])
