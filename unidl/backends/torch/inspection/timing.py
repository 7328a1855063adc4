"""How long things take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch

from unidl.backends.torch.inspection.operations import Layers
from unidl.backends.torch.program import build
from unidl.graph.node import leaves
from unidl.inspection.graph import LANES
from unidl.inspection.inspection import Event
from unidl.inspection.program import Program, Trial
from unidl.inspection.timing import Timing

ROUNDS = 7  # and no more than 3 where they take long
SECONDS = 1.0


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        outputs = function(*args)
        _wait(outputs)
        return outputs

    return run


def _wait(nest: Any) -> None:
    if any(isinstance(t, torch.Tensor) and t.device.type == "cuda" for t in leaves(nest)):
        torch.cuda.synchronize()


def building(program: Program) -> Event:
    """Making the modules from the plan; nothing of the computation is looked at."""
    device = next(
        iter(t.device for t in (*program.native.parameters(), *program.native.buffers())), torch.device("cpu")
    )
    taken, modules = [], 0
    for _ in _rounds():
        started = time.perf_counter()
        made = build(program.plan, device=device, natives={})
        taken.append(time.perf_counter() - started)
        modules = sum(1 for _ in made.modules())
    return Event("building", "make the modules and their parameters; no graph is made", modules, Timing.of(taken))


def _rounds() -> Iterator[int]:
    begun = time.perf_counter()
    for number in range(ROUNDS):
        if number < 3 or time.perf_counter() - begun < SECONDS:
            yield number


def calls(trial: Trial) -> Timing:
    """A call, or a step, after the first one."""
    _wait(trial.run())
    taken = []
    for _ in _rounds():
        started = time.perf_counter()
        _wait(trial.run())
        taken.append(time.perf_counter() - started)
    return Timing.of(taken)


def lanes(trial: Trial, marked: bool) -> dict[str, Timing]:
    """Seconds in each lane of a step: torch computes when it is called, so the clock between two marks is the lane's.

    Args:
        trial: The step.
        marked: Whether the engine marks "forward"; where somebody's own training_step calls the model, hooks on its modules do.
    """
    now, since = "", time.perf_counter()
    spent: dict[str, list[float]] = {lane: [] for lane in LANES}

    def moved(lane: str) -> None:
        nonlocal now, since
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        moment = time.perf_counter()
        if now in spent:
            spent[now][-1] += moment - since
        now, since = lane, moment

    trial.run()  # the first step of an optimizer makes its state
    trial.lane.watchers.append(moved)
    with nullcontext() if marked else Layers(trial.native()).watched(trial.lane):
        for _ in _rounds():
            for lane in LANES:
                spent[lane].append(0.0)
            trial.run()
    trial.lane.watchers.remove(moved)
    return {lane: Timing.of(seconds) for lane, seconds in spent.items()}
