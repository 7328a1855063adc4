"""How long Keras takes on its engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from unidl.backends import registry
from unidl.backends.keras.engine import ENGINE
from unidl.backends.keras.tensor import is_tensor, to_numpy
from unidl.graph.node import leaves
from unidl.inspection.timing import Timing

ROUNDS = 12


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as the engine runs a training step."""
    return registry.load(ENGINE).staged(function) if ENGINE in registry.entries() else function


def once(run: Callable[[], Any]) -> float:
    """How long one run takes, until what it returns is there."""
    started = time.perf_counter()
    for leaf in leaves(run()):
        if is_tensor(leaf):
            to_numpy(leaf)
    return time.perf_counter() - started


def seconds(run: Callable[[], Any], rounds: int = ROUNDS) -> Timing:
    """How long a run takes that has run before."""
    return Timing.of([once(run) for _ in range(rounds)])
