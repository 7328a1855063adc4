"""What is measured again and again, a little of each run in turn: steps, inference, building."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from unidl.callbacks import Callback
from unidl.data import Arrays, Source
from unidl.errors import NonFiniteWarning
from unidl.graph.node import leaves, map_nest
from unidl.graph.spec import is_float
from unidl.training.engine import arguments_of
from unidl.training.trainer import Trainer

INTERVALS = 3  # of which a round of steps is made, after one that is left out
LARGE = 256  # examples
FREE = 16


class _Clock(Callback):
    """Ends a fit after some steps, and notes the time at each `every` of them."""

    def __init__(self, every: int, intervals: int) -> None:
        self.every_steps: int = every
        self.intervals = intervals
        self.times: list[float] = []

    def on_steps(self, trainer: Trainer, numbers: dict[str, float]) -> None:
        """One more interval."""
        self.times.append(time.perf_counter())
        if len(self.times) > self.intervals:
            trainer.stop()

    def seconds(self) -> float:
        """Of one step, the first interval left out."""
        return (self.times[-1] - self.times[0]) / ((len(self.times) - 1) * self.every_steps)


class Steady:
    """Measures a Trainer that has trained. What it changes in measuring is put back: weights, optimizers, counters.

    Args:
        trainer: The Trainer.
        source: What it trained on.
        by_step: Whether it trained by Trainer.step, in a loop of the user's own, and not by fit.
    """

    def __init__(self, trainer: Trainer, source: Source, by_step: bool) -> None:
        self.trainer = trainer
        self.source = source
        self.by_step = by_step
        self._size: tuple[int, int] | None = None  # steps in an interval, and intervals, of a round
        own = not trainer.engine.takes_own_step()  # then the data may be for anything
        self.inputs = _stand_ins(trainer) if own else arguments_of(source.sample()[0])

    def step(self, seconds: float) -> float:
        """Seconds of a training step, in a round of about so many; without the user's callbacks, which may write files."""
        with _put_back(self.trainer):
            if self._size is None:
                self._size = self._sized(seconds)
            return self._take(*self._size)

    def _sized(self, seconds: float) -> tuple[int, int]:
        """Steps in an interval, and intervals in a round.

        It goes on to more steps at once while they take little time, as fit does: a call's own cost is shared by its steps.
        """
        every, wanted = 1, seconds / INTERVALS
        interval = self._take(1, 1)  # the first one traces; where a step takes long, that is all
        while interval < wanted / 2:
            every = min(4 * every, max(every + 1, int(every * wanted / interval)))
            interval = every * self._take(every, 1)
        return every, INTERVALS if interval < seconds else 1

    def _take(self, every: int, intervals: int) -> float:
        return self._step(every, intervals) if self.by_step else self._fit(every, intervals)

    def _step(self, every: int, intervals: int) -> float:
        """As a loop that looks at its loss after some steps."""
        parts = self.source.sample()
        batch = parts[0] if len(parts) == 1 else parts
        times = []
        for _ in range(intervals + 1):
            for _ in range(every):
                numbers = self.trainer.step(batch)
            dict(numbers)
            times.append(time.perf_counter())
        return (times[-1] - times[0]) / (intervals * every)

    def _fit(self, every: int, intervals: int) -> float:
        clock = _Clock(every, intervals)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NonFiniteWarning)  # it is the time that counts
            self.trainer.fit(self.source, epochs=2**31, callbacks=[clock], progress=False, on_nonfinite="go on")
        return clock.seconds()

    def batch_size(self) -> float:
        """Examples in a batch, the shorter last ones of the epochs counted in."""
        if isinstance(self.source, Arrays):
            return self.source.examples / len(self.source)
        return float(len(next(iter(leaves(self.source.sample())))))

    def inference(self, examples: int, seconds: float) -> float:
        """Seconds of model.predict for a batch, in a round of about so many."""
        batch = self.examples(examples)
        model = self.trainer.model
        for _ in range(2):
            model.predict(*batch, batch_size=examples)
        started, calls = time.perf_counter(), 0
        while calls < 3 or time.perf_counter() - started < seconds:
            model.predict(*batch, batch_size=examples)
            calls += 1
        return (time.perf_counter() - started) / calls

    def examples(self, number: int) -> tuple[Any, ...]:
        """So many inputs of the model: of the data, or where the Trainer has a step of its own made for the model's shapes."""
        batch: tuple[Any, ...] = map_nest(lambda array: np.resize(array, (number, *np.shape(array)[1:])), self.inputs)
        return batch

    def build(self) -> float:
        """Seconds to make the native program once more."""
        started = time.perf_counter()
        self.trainer.model.copy()
        return time.perf_counter() - started


def _stand_ins(trainer: Trainer) -> tuple[Any, ...]:
    """Inputs of the shapes for which the model was built; an axis of any length has FREE."""
    rng = np.random.default_rng(0)

    def one(tensor: Any) -> Any:
        spec = getattr(tensor, "spec", None)
        if spec is None:
            return tensor
        shape = [1, *(FREE if axis is None else axis for axis in spec.shape[1:])]
        return rng.normal(size=shape).astype("float32") if is_float(spec.dtype) else np.zeros(shape, spec.dtype)

    made: tuple[Any, ...] = map_nest(one, trainer.model._need_built().plan.calls[0].args)
    return made


@contextmanager
def _put_back(trainer: Trainer) -> Iterator[None]:
    """Afterwards the Trainer is as it was."""
    callbacks, progress = trainer.callbacks, trainer.progress
    trainer.callbacks = []
    before: dict[str, Any] = trainer.state()
    try:
        yield
    finally:
        trainer.restore(before)
        trainer.callbacks, trainer.progress = callbacks, progress
