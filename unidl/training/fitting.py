"""The loop of `fit`: epochs, and within them runs of steps up to the next one at which anybody wants control."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from unidl.callbacks import Callback, Checkpoint
from unidl.errors import DataError, NonFiniteWarning, TrainingInterrupted
from unidl.training.bar import Bar
from unidl.training.control import Interruption
from unidl.training.feed import Feed, Load
from unidl.training.observing import OBSERVERS
from unidl.training.progress import ASKED, CTRL_C, Progress
from unidl.training.trial import choose_compiler

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


class Fit:
    """One call of `fit`.

    Args:
        trainer: The Trainer; it takes the steps.
        feed: Examples to train on.
        validation: Examples to evaluate on after each epoch, or None.
        epochs: Epochs of the whole run, those included that were done before it was gone on with.
        callbacks: Called in this order, checkpoints after all others.
        bar: Shows how it goes.
        interruption: Notes Ctrl-C.
        stop_at_nonfinite: Whether a loss that is no finite number ends the run.
    """

    def __init__(
        self,
        trainer: Trainer,
        feed: Feed,
        validation: Feed | None,
        epochs: int,
        callbacks: Sequence[Callback],
        bar: Bar,
        interruption: Interruption,
        stop_at_nonfinite: bool,
    ) -> None:
        self.trainer = trainer
        self.feed = feed
        self.validation = validation
        self.epochs = epochs
        self.callbacks = sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoint))
        self.bar = bar
        self.interruption = interruption
        self.stop_at_nonfinite = stop_at_nonfinite
        self.told = False  # a loss that is no number is told once

    def run(self, progress: Progress) -> None:
        """Go on from where the run stands to its end.

        Raises:
            TrainingInterrupted: Ctrl-C.
        """
        trainer, engine = self.trainer, self.trainer.engine
        while len(progress.epochs) < self.epochs and progress.stopped is None:
            number = len(progress.epochs) + 1
            engine.look_at_model()
            self.bar.begin(number, self.epochs, self.feed.steps)
            if not self._epoch(progress):
                break
            numbers = self._numbers(progress)
            self._heed(progress)
            progress.end_epoch(numbers)
            trainer.epoch += 1
            self.bar.end(number, self.epochs, numbers)
            for callback in self.callbacks:
                with self._callback_at_fault(callback, "on_epoch_end"):
                    callback.on_epoch_end(trainer, numbers)
            if trainer.asked_to_stop():
                progress.stopped = ASKED
            self._heed(progress)

    def _numbers(self, progress: Progress) -> dict[str, float]:
        """What an epoch is told by, its validation included."""
        engine = self.trainer.engine
        started = time.perf_counter()
        measured = engine.results(progress.states) if engine.measured else {}
        validated = {}
        if self.validation is not None:
            validated = engine.evaluate(self.validation, lambda: self.interruption.asked)
        seconds = progress.seconds + time.perf_counter() - started
        return progress.means() | measured | {"seconds": seconds} | {f"val_{name}": v for name, v in validated.items()}

    def _epoch(self, progress: Progress) -> bool:
        """The steps of an epoch that are not taken yet; whether it came to its end."""
        trainer, engine = self.trainer, self.trainer.engine
        with self._source_at_fault(progress), engine.opening_epoch(progress.position):
            take = self.feed.open(trainer.epoch, progress.position)
        if progress.states is None:
            progress.states = engine.initial_states()
        choose_compiler(engine, self.feed, progress, self.steps_left(progress), self.bar)
        while (load := self._take(take, progress)) is not None:
            engine.look_at_model()  # a callback may have replaced or frozen a layer
            started = time.perf_counter()
            states, numbers = engine.take_steps(load, progress.states)
            seconds = time.perf_counter() - started
            engine.pace.measured(load.count, seconds)
            for observer in OBSERVERS:
                observer.took(trainer, load.count, seconds)
            progress.add(numbers, load.sizes, states, seconds)
            self._look(progress, numbers, load)
            if progress.stopped is not None:
                return False
        if progress.position == 0:
            raise DataError(
                f"The source had no batch for epoch {trainer.epoch + 1}.",
                expected="a source that gives its batches anew for each epoch",
                fix="Stream(function) is called for each epoch, and must make a new iterator each time.",
            )
        return True

    def _take(self, take: Callable[[int], Load | None], progress: Progress) -> Load | None:
        """Steps up to the next one at which a callback wants control, at most as many as fill the time."""
        taken = self.trainer.steps_taken
        due = [every - taken % every for c in self.callbacks if (every := c.every_steps)]
        with self._source_at_fault(progress):
            return take(min([self.trainer.engine.pace.steps, *due]))

    def _look(self, progress: Progress, numbers: dict[str, np.ndarray], load: Load) -> None:
        """What is to be done between two runs of steps."""
        trainer = self.trainer
        self.bar.step(progress.position, lambda: _text(progress))
        self._refuse_nonfinite(progress, numbers, load)
        if progress.stopped is not None:
            return  # what is no number is not kept
        for callback in self.callbacks:
            if callback.every_steps and trainer.steps_taken % callback.every_steps == 0:
                with self._callback_at_fault(callback, "on_steps"):
                    callback.on_steps(trainer, progress.last())
        if trainer.asked_to_stop():
            progress.stopped = ASKED
        self._heed(progress)

    def _heed(self, progress: Progress) -> None:
        """Ctrl-C, if somebody pressed it."""
        if self.interruption.asked:
            progress.stopped = CTRL_C
            self._interrupt()
            raise TrainingInterrupted(self._how_to_go_on(progress), progress.history())

    def _refuse_nonfinite(self, progress: Progress, numbers: dict[str, np.ndarray], load: Load) -> None:
        bad = {
            name: int(np.argmin(np.isfinite(column)))
            for name, column in numbers.items()
            if not np.isfinite(column).all()
        }
        if not bad:
            return
        name = min(bad, key=lambda n: bad[n])
        step = self.trainer.steps_taken - load.count + bad[name] + 1
        what = f"{name!r} is {numbers[name][bad[name]]} at step {step}"
        if not self.told:
            self.told = True
            then = "The run ends here." if self.stop_at_nonfinite else "The run goes on."
            warnings.warn(NonFiniteWarning(f"{what} (epoch {len(progress.epochs) + 1}). {then}"), stacklevel=2)
        if self.stop_at_nonfinite:
            progress.stopped = what

    def _interrupt(self) -> None:
        for callback in self.callbacks:
            callback.on_interrupt(self.trainer)

    def _how_to_go_on(self, progress: Progress) -> str:
        where = (
            f"after step {self.trainer.steps_taken} (epoch {len(progress.epochs) + 1}, step {progress.position} of it)"
        )
        saved = next((c for c in self.callbacks if isinstance(c, Checkpoint)), None)
        kept = f"It is saved in {str(saved.directory)!r}. " if saved is not None else ""
        return f"Training was stopped by Ctrl-C {where}. {kept}fit(…, resume=True) goes on from there."

    @contextmanager
    def _callback_at_fault(self, callback: Callback, method: str) -> Iterator[None]:
        """What a callback raises says where the run stands, and how to go on with it."""
        try:
            yield
        except Exception as error:
            saved = next((c for c in self.callbacks if isinstance(c, Checkpoint) and c is not callback), None)
            kept = (
                f"; in another process, from the newest checkpoint in {str(saved.directory)!r}"
                if saved is not None
                else ""
            )
            error.add_note(
                f"{type(callback).__name__}.{method} raised it after step {self.trainer.steps_taken}, which was taken whole. "
                f"fit(…, resume=True) on this Trainer goes on from there{kept}."
            )
            raise

    @contextmanager
    def _source_at_fault(self, progress: Progress) -> Iterator[None]:
        """What the data raises loses nothing: checkpoints are written, and the error says how to go on."""
        try:
            yield
        except BaseException as error:
            self._interrupt()
            error.add_note(
                f"The data was to give the batch of step {progress.position + 1} of epoch {len(progress.epochs) + 1}. All steps before "
                "were taken whole, and fit(…, resume=True) goes on from there."
            )
            raise

    def steps_left(self, progress: Progress) -> int | None:
        """Steps to the end of the run, if that can be known."""
        steps = self.feed.steps
        return None if steps is None else (self.epochs - len(progress.epochs)) * steps - progress.position


def _text(progress: Progress) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in progress.last().items())
