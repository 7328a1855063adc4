"""How long Keras takes on its engine."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from unidl.backends.keras.engine import own_backend
from unidl.backends.keras.program import build
from unidl.backends.keras.tensor import is_tensor, to_numpy
from unidl.graph.node import leaves
from unidl.inspection.inspection import Event
from unidl.inspection.program import Program
from unidl.inspection.timing import Timing

ROUNDS, FEW, ENOUGH = (
    12,
    3,
    0.5,
)  # runs that are timed: so many, or at least a few and then until it took so many seconds
TRIALS = 3  # how often the building is measured


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as the engine runs a training step."""
    return function if (own := own_backend()) is None else own.staged(function)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Inside, TensorFlow does not warn of many traces: each copy that is looked at is traced once, on purpose."""

    def keep(record: logging.LogRecord) -> bool:
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(keep)
    try:
        yield
    finally:
        logger.removeFilter(keep)


def building(program: Program) -> Event:
    """Making the Keras model from the plan: its layers and variables."""
    taken = []
    for _ in range(TRIALS):
        started = time.perf_counter()
        made = build(program.plan, device=program.native.unidl.device, natives={})
        taken.append(time.perf_counter() - started)
    layers = len(made._flatten_layers())
    return Event("building", "make the Keras layers and their variables; nothing is traced", layers, Timing.of(taken))


def once(run: Callable[[], Any]) -> float:
    """How long one run takes, until what it returns is there."""
    started = time.perf_counter()
    for leaf in leaves(run()):
        if is_tensor(leaf):
            to_numpy(leaf)
    return time.perf_counter() - started


def seconds(run: Callable[[], Any]) -> Timing:
    """How long a run takes that has run before: fewer are timed where one is long."""
    found: list[float] = []
    while len(found) < FEW or (len(found) < ROUNDS and sum(found) < ENOUGH):
        found.append(once(run))
    return Timing.of(found)
