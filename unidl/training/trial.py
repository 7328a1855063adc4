"""The trial of jit="auto": some steps each way, taken back afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.backends.conversion import to_numpy
from unidl.data import Arrays
from unidl.training import compiling, state
from unidl.training.bar import Bar
from unidl.training.feed import Feed, Load
from unidl.training.progress import Progress

if TYPE_CHECKING:
    from unidl.training.engine import Engine

AT_ONCE = 8  # steps in a call


def choose_compiler(engine: Engine, feed: Feed, progress: Progress, steps: int | None, bar: Bar) -> None:
    """For jit="auto", once: take some steps each way, take them back, and keep the faster."""
    trainer, generator = engine.trainer, engine.generator
    if trainer.jit != "auto" or engine.choice is not None or generator is None or (steps is not None and steps < 2):
        return
    before, drawn = trainer.state(), generator.read()
    load = _batches(engine, feed, progress)
    _, plain = _timed(engine, load, progress.states, jit=False)
    if steps is not None and not compiling.worth_trying(plain, steps):
        choice = compiling.too_short(plain, steps)
    else:
        compile_seconds, compiled = _timed(engine, load, progress.states, jit=True)
        choice = compiling.choose(plain, compiled, compile_seconds, steps)
    state.write(trainer, {**before, "choice": choice.as_dict(), "callbacks": []})
    trainer.progress = progress
    generator.write(drawn)
    bar.say(f"jit: {'on' if choice.compiled else 'off'}; {choice.reason}")


def _batches(engine: Engine, feed: Feed, progress: Progress) -> Load:
    """The next batches, full ones, as a compiler's program takes them; of a source that cannot be opened twice a sample."""
    if not isinstance(feed.inner, Arrays):
        return feed.sample()
    full = feed.inner.examples // feed.inner.batch_size - (progress.position if feed.inner is feed.source else 0)
    load = feed.open(engine.trainer.epoch, progress.position)(max(1, min(full, AT_ONCE)))
    return load or feed.sample()


def _timed(engine: Engine, load: Load, states: Any, jit: bool) -> tuple[float, float]:
    """Seconds that the first call took beyond what one takes, and seconds of a step, the median of some."""
    program = engine.program("train", load.data, jit)
    rates = engine.rates_of(load.count)
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < 3 or (time.perf_counter() - begun < 0.5 and len(taken) < 30):
        started = time.perf_counter()
        with engine.mode(training=True):
            _, numbers = program(load.data, load.order, load.first, load.count, load.batch_size, states, rates)
        to_numpy(numbers)
        taken.append(time.perf_counter() - started)
    call = float(np.median(taken[1:]))
    return max(0.0, taken[0] - call), call / load.count
