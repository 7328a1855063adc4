"""The loop of `fit`: epochs, and within them runs of steps up to the next one at which anybody wants control."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from unidl.errors import DataError, NonFiniteWarning, TrainingInterrupted, TrainingTerminated
from unidl.training.bar import Bar
from unidl.training.control import Interruption
from unidl.training.feed import Feed, Load
from unidl.training.hooks import Hooks
from unidl.training.nonfinite import Inputs, cause
from unidl.training.observing import OBSERVERS
from unidl.training.options import Options
from unidl.training.progress import ASKED, CTRL_C, LIMITS, MAX_STEPS, MAX_TIME, Progress
from unidl.training.rate_trial import try_rates
from unidl.training.rates import is_rate, last_rates
from unidl.training.trial import choose_compiler

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


class Fit:
    """One call of `fit`.

    Args:
        trainer: The Trainer; it takes the steps.
        feed: Examples to train on.
        validation: Examples to evaluate on after each epoch, or None.
        options: How far it goes.
        hooks: Calls the callbacks.
        bar: Shows how it goes.
        interruption: Notes Ctrl-C, SIGTERM and SIGHUP.
        stop_at_nonfinite: Whether a loss or a weight that is not finite ends the run.
    """

    def __init__(
        self,
        trainer: Trainer,
        feed: Feed,
        validation: Feed | None,
        options: Options,
        hooks: Hooks,
        bar: Bar,
        interruption: Interruption,
        stop_at_nonfinite: bool,
    ) -> None:
        self.trainer = trainer
        self.feed = feed
        self.validation = validation
        self.options = options
        self.started = time.perf_counter()
        self.unfinished: dict[str, float] | None = None  # the numbers of an epoch that steps or time cut short
        self.hooks = hooks
        self.bar = bar
        self.interruption = interruption
        self.stop_at_nonfinite = stop_at_nonfinite
        self.weights = trainer.engine.weights
        self.inputs = Inputs(trainer.engine, feed.inner) if trainer.engine.takes_own_step() else None
        self.warned = False  # of a loss or weight that is not finite, once
        self.warned_of_metrics = False
        self.looked = False

    def run(self, progress: Progress) -> None:
        """Go on from where the run stands to its end.

        Raises:
            TrainingInterrupted: Ctrl-C.
            TrainingTerminated: SIGTERM or SIGHUP.
        """
        engine = self.trainer.engine
        self.trainer._trial = lambda rates, factor: try_rates(engine, self.feed, progress, rates, factor)
        try:
            self._run(progress)
        except Exception as error:
            self.hooks.call_all("on_exception", error)
            raise
        finally:
            self.trainer._trial = None

    def _run(self, progress: Progress) -> None:
        trainer, engine = self.trainer, self.trainer.engine
        epochs, begun = self.options.epochs, progress.steps
        if self._goes_on(progress):
            self._look_at_weights(progress, must=True)
        while self._goes_on(progress):
            number = len(progress.epochs) + 1
            self.hooks.call("on_epoch_begin")
            engine.look_at_model()
            self.bar.begin(number, epochs, self.feed.steps, lambda: self._seconds_left(progress, begun))
            if not self._epoch(progress):
                break
            numbers = self._numbers(progress, self.options.validates(number))
            self._warn_of_validation(numbers)
            self._heed(progress)
            progress.end_epoch(numbers)
            trainer.epoch += 1
            self.bar.end(number, epochs, numbers)
            self.hooks.call("on_epoch_end", numbers)
            self._heed_callbacks(progress)
            self._heed(progress)
        if progress.stopped in LIMITS and progress.position:
            self.unfinished = self._numbers(progress, validates=True)
            self.bar.end(len(progress.epochs) + 1, epochs, self.unfinished)

    def _goes_on(self, progress: Progress) -> bool:
        """Whether there is another epoch, or the rest of one."""
        epochs = self.options.epochs
        if progress.stopped is not None or (epochs is not None and len(progress.epochs) >= epochs):
            return False
        progress.stopped = self._limit(progress)
        return progress.stopped is None

    def _limit(self, progress: Progress) -> str | None:
        """Which limit of steps or time is reached."""
        most, seconds = self.options.max_steps, self.options.max_time
        if most is not None and progress.steps >= most:
            return MAX_STEPS
        if seconds is not None and time.perf_counter() - self.started >= seconds:
            return MAX_TIME
        return None

    def _numbers(self, progress: Progress, validates: bool) -> dict[str, float]:
        """An epoch's logs, those of its validation included."""
        engine = self.trainer.engine
        started = time.perf_counter()
        measured = engine.results(progress.states) if engine.measured else {}
        validated = self._validated(self.validation) if self.validation is not None and validates else {}
        seconds = progress.seconds + time.perf_counter() - started
        running = self._running(progress)
        rates = {name: running.pop(name) for name in list(running) if is_rate(name)}
        return running | measured | rates | {"seconds": seconds} | validated

    def _validated(self, validation: Feed) -> dict[str, float]:
        """The loss and the metrics of the validation data."""
        found: dict[str, float] = {}
        self.hooks.call("on_validation_begin")
        try:
            found = self.trainer.engine.evaluate(validation, self.interruption)
        except (KeyboardInterrupt, SystemExit) as error:
            if not self.interruption.has_raised(error):
                raise
        numbers = {f"val_{name}": value for name, value in found.items()}
        self.hooks.call("on_validation_end", numbers)
        return numbers

    def _epoch(self, progress: Progress) -> bool:
        """The steps of an epoch that are not taken yet; whether it came to its end."""
        trainer, engine = self.trainer, self.trainer.engine
        with self._source_at_fault(progress), engine.opening_epoch(progress.position), self.interruption.waiting():
            take = self.feed.open(trainer.epoch, progress.position)
        if progress.states is None:
            progress.states = engine.initial_states(self.feed.is_weighted)
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
        self._look_at_weights(progress, must=True)
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
        if (limit := self._limit(progress)) is not None and progress.position != self.feed.steps:
            progress.stopped = limit
            return None
        due = self.hooks.steps_until_due()
        if self.options.max_steps is not None and progress.position != self.feed.steps:
            due.append(self.options.max_steps - progress.steps)
        with self._source_at_fault(progress), self.interruption.waiting():
            return take(min([self.trainer.engine.pace.steps, *due]))

    def _look(self, progress: Progress, numbers: dict[str, np.ndarray], load: Load) -> None:
        """What is to be done between two runs of steps."""
        self.bar.step(progress.position, lambda: self._running(progress))
        self._look_at_numbers(progress, numbers, load)
        self.hooks.batches(numbers, load.sizes)
        due, kept = self.hooks.due()
        if progress.stopped is None:
            self.hooks.steps(due, progress.last())
            self._look_at_weights(progress, must=bool(kept) or not self.looked)
            self.looked = (
                True  # after the first steps in any case: what is wrong from the beginning is seen where it begins
            )
        if progress.stopped is None:  # what is not finite is not kept
            self.hooks.steps(kept, progress.last())
        self._heed_callbacks(progress)
        self._heed(progress)

    def _heed_callbacks(self, progress: Progress) -> None:
        """What a callback called `stop` for, if one did."""
        asked = self.trainer.asked_to_stop()
        if progress.stopped is None and asked is not None:
            progress.stopped = asked
            if asked != ASKED:
                self.bar.say(f"stopped by {asked.removeprefix(f'{ASKED}: ')}")

    def _heed(self, progress: Progress) -> None:
        """Ctrl-C, SIGTERM and SIGHUP, if one came."""
        number = self.interruption.asked
        if number is None:
            return
        by_hand = number == signal.SIGINT
        progress.stopped = CTRL_C if by_hand else signal.Signals(number).name
        self.hooks.call_all("on_interrupt")
        message = self._how_to_go_on(progress, progress.stopped)
        if by_hand:
            raise TrainingInterrupted(message, progress.history()) from None
        with contextlib.suppress(OSError, ValueError):  # a terminal that hung up takes no more
            sys.stderr.write(f"{message}\n")
        raise TrainingTerminated(message, progress.history(), number) from None

    def _look_at_numbers(self, progress: Progress, numbers: dict[str, np.ndarray], load: Load) -> None:
        """Whether a loss of these steps is not finite, or an example of theirs whose inputs are not and reach the output."""
        first = {name: int(np.argmin(np.isfinite(column))) for name, column in numbers.items()}
        bad = {name: i for name, i in first.items() if not np.isfinite(numbers[name][i])}
        taken = self.trainer.steps_taken - load.count + 1
        if bad and not self.warned:
            name = min(bad, key=lambda n: bad[n])
            what = f"{name!r} is {numbers[name][bad[name]]} at step {taken + bad[name]}"
            self._found(progress, what, cause(self.trainer.engine, self.inputs, self.weights, load, bad[name]))
        elif self.inputs is not None and not self.warned and (odd := self.inputs.first(load)) is not None:
            reached = self.inputs.reaches(odd)
            if reached is not None:
                self._found(progress, f"an input is not finite at step {taken + odd.step}", reached)

    def _look_at_weights(self, progress: Progress, must: bool = False) -> None:
        found = None if self.warned else self.weights.look(must)
        if found is not None:
            taken = self.trainer.steps_taken
            self._found(progress, f"{found} {f'after step {taken}' if taken else 'before the first step'}")

    def _found(self, progress: Progress, what: str, why: str = "") -> None:
        """Warn of what is not finite, once, and end the run where that is wanted."""
        self.warned = True
        then = "The run ends here." if self.stop_at_nonfinite else "The run goes on."
        first = f" First seen: {why}." if why else ""
        warnings.warn(NonFiniteWarning(f"{what} (epoch {len(progress.epochs) + 1}). {then}{first}"), stacklevel=2)
        if self.stop_at_nonfinite:
            progress.stopped = what

    def _warn_of_validation(self, numbers: dict[str, float]) -> None:
        """A metric or the validation's loss that is not finite is no harm to the weights: the run goes on."""
        bad = [f"{name!r} is {value}" for name, value in numbers.items() if not np.isfinite(value)]
        if bad and not self.warned and not self.warned_of_metrics:
            self.warned_of_metrics = True
            what = f"{' and '.join(bad)} after epoch {self.trainer.epoch + 1}, while the weights are finite"
            warnings.warn(NonFiniteWarning(f"{what}. The run goes on."), stacklevel=2)

    def _how_to_go_on(self, progress: Progress, by: str) -> str:
        where = (
            f"after step {self.trainer.steps_taken} (epoch {len(progress.epochs) + 1}, step {progress.position} of it)"
        )
        saved = self.hooks.checkpoint()
        kept = f"It is saved in {str(saved.directory)!r}. " if saved is not None else ""
        return f"Training was stopped by {by} {where}. {kept}fit(…, resume=True) goes on from there."

    @contextmanager
    def _source_at_fault(self, progress: Progress) -> Iterator[None]:
        """What the data raises loses nothing: checkpoints are written, and the error says how to go on."""
        try:
            yield
        except BaseException as error:
            if self.interruption.has_raised(error):
                self._heed(progress)
            self.hooks.call_all("on_interrupt")
            error.add_note(
                f"The data was to give the batch of step {progress.position + 1} of epoch {len(progress.epochs) + 1}. All steps before "
                "were taken whole, and fit(…, resume=True) goes on from there."
            )
            raise

    def steps_left(self, progress: Progress) -> int | None:
        """Steps to the end of the run, if that can be known."""
        steps, epochs, most = self.feed.steps, self.options.epochs, self.options.max_steps
        known = [] if steps is None or epochs is None else [(epochs - len(progress.epochs)) * steps - progress.position]
        known += [] if most is None else [most - progress.steps]
        return min(known, default=None)

    def _seconds_left(self, progress: Progress, begun: int) -> float | None:
        """Seconds to the end of the run at the pace of this call so far, validation and callbacks included, if that can be known.

        Args:
            progress: The run.
            begun: Steps that were taken before this call.
        """
        left, passed, done = self.steps_left(progress), time.perf_counter() - self.started, progress.steps - begun
        seconds = [] if left is None or not done else [passed / done * left]
        seconds += [] if self.options.max_time is None else [self.options.max_time - passed]
        return max(0.0, min(seconds)) if seconds else None

    def _running(self, progress: Progress) -> dict[str, float]:
        """The means of the epoch so far, and the learning rates."""
        engine = self.trainer.engine
        means = progress.means()
        means = engine.objective.finished(means) if engine.takes_own_step() else means
        return means | last_rates(self.trainer.optimizers, engine.steps_of)
