"""torch's random generators. There is one for the CPU and one for each accelerator in a process, and kernels draw from no other.

So the runs of several threads take turns: each has states of its own, and while one takes steps its states are in torch's
generators. A run that is alone never waits, and its states stay there until it ends.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from threading import get_ident
from typing import Any

import numpy as np
import torch

from unidl.backends import contract
from unidl.backends.generators import SpareGenerators

CPU = torch.device("cpu")


class _Here(threading.local):
    """This thread's."""

    def __init__(self) -> None:
        self.generator: Generator | None = None  # of the run that it makes
        self.draws = 0  # how deep it is in draws that belong to no run


class Turns:
    """Whose turn it is. First come, first served: Python's own lock may go to the same thread again and again.

    Draws that belong to no run share the process' own states, and a turn waits for them too.
    """

    def __init__(self) -> None:
        self.owner = 0  # the thread whose turn it is; 0: nobody's
        self._depth = 0
        self._draws = 0  # draws in progress that belong to no run
        self._waiting: deque[tuple[int, int, threading.Lock]] = deque()  # thread, its own of these draws, what calls it
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait for a turn."""
        me, own = get_ident(), _here.draws
        with self._lock:
            if self.owner == me or (not self.owner and self._draws <= own):
                self.owner = me
                self._depth += 1
                return
            called = threading.Lock()
            called.acquire()
            waiting = me, own, called
            self._waiting.append(waiting)
        try:
            called.acquire()  # released by the one before
        except BaseException:  # Ctrl-C
            with self._lock:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)
                    raise
            self.give_back()  # it was called meanwhile
            raise

    def give_back(self) -> None:
        """The turn is over, or the inner one of two."""
        with self._lock:
            self._depth -= 1
            if not self._depth:
                self.owner = 0
                self._call_next()

    def _call_next(self) -> None:
        if self._waiting and self._draws <= self._waiting[0][1]:
            self.owner, _, called = self._waiting.popleft()
            self._depth = 1
            called.release()

    def share(self) -> bool:
        """Begin draws that belong to no run; False where they need a turn."""
        with self._lock:
            if self.owner or self._waiting or LOADED:
                return False
            self._draws += 1
            return True

    def end_share(self) -> None:
        """End them."""
        with self._lock:
            self._draws -= 1
            if not self.owner:
                self._call_next()

    def after_fork(self, draws: int) -> None:
        """No other thread is there in the child."""
        self._lock = threading.Lock()
        self._waiting.clear()
        self._draws = draws
        if self.owner not in (0, get_ident()):
            self.owner = self._depth = 0


TURNS = Turns()
_here = _Here()


class Generator:
    """States of their own for the CPU and one accelerator.

    Args:
        device: Where the model runs.
    """

    def __init__(self, device: torch.device) -> None:
        self.devices = {"cpu": CPU} if device.type != "cuda" else {"cpu": CPU, "cuda": device}
        self.states: dict[torch.device, torch.Tensor] = {}  # those that are not in torch's generators now

    def seed(self, seed: int) -> None:
        """Start again from a seed."""
        with _turn():
            for device in self.devices.values():
                if LOADED.get(device) is self:
                    # not torch.manual_seed: it queues the seed for every kind of accelerator, with a stack trace each, a millisecond in all
                    _torchs(device).manual_seed(seed)
                else:
                    self.states[device] = torch.Generator(device).manual_seed(seed).get_state()

    def read(self) -> dict[str, np.ndarray]:
        """The states."""
        with _turn():
            return {
                name: (_torchs(device).get_state() if LOADED.get(device) is self else self.states[device])
                .numpy()
                .copy()
                for name, device in self.devices.items()
            }

    def write(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from these states."""
        with _turn():
            for name, device in self.devices.items():
                given = torch.from_numpy(np.array(state[name]))
                if LOADED.get(device) is self:
                    _torchs(device).set_state(given)
                else:
                    self.states[device] = given

    def drawing(self) -> _Drawing:
        """Inside, this thread makes a run that draws from these states, in its turns; alone it draws from them all the time.

        Afterwards the states are forgotten: a run that is resumed is seeded, or its states are written.
        """
        return _Drawing(self)

    def turn(self) -> _Turn:
        """Inside, torch's generators have these states, and no other run takes steps; what is drawn outside a run is forgotten."""
        return _Turn(self)


class _Drawing:
    """See Generator.drawing; a class, for entering a generator function would cost each step more."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def __enter__(self) -> None:
        self._outer, _here.generator = _here.generator, self._generator
        if TURNS.owner in (0, get_ident()) and not (LOADED and self._outer is None):  # else later, in its first turn
            with _turn():
                _load(self._generator)

    def __exit__(self, *_: object) -> None:
        _here.generator = self._outer
        with _turn():
            _unload(self._generator, self._outer or PROCESS)


class _Turn:
    """See Generator.turn."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def __enter__(self) -> None:
        TURNS.take()
        self._before = LOADED.get(CPU, PROCESS)
        if self._before is not self._generator:
            _load(self._generator)

    def __exit__(self, *_: object) -> None:
        generator, before = self._generator, self._before
        if before is not generator:  # of a turn around this one, or of a run that is alone but for it
            if generator is PROCESS or generator is _here.generator:
                _load(before)
            else:
                _unload(generator, before)
        TURNS.give_back()


class _Process:
    """Inside, this thread draws from the process' own states."""

    def __enter__(self) -> None:
        self._turn = None if TURNS.share() else _Turn(PROCESS)
        if self._turn is None:
            _here.draws += 1
        else:
            self._turn.__enter__()

    def __exit__(self, *error: object) -> None:
        if self._turn is None:
            _here.draws -= 1
            TURNS.end_share()
        else:
            self._turn.__exit__(*error)


# device -> whose states are in torch's generator; a device that is not here has the process' own
LOADED: dict[torch.device, Generator] = {}
PROCESS = Generator(CPU)  # the process' own states


def _torchs(device: torch.device) -> torch.Generator:
    """torch's generator of a device."""
    return torch.default_generator if device.type == "cpu" else torch.cuda.default_generators[device.index or 0]


class _turn:  # noqa: N801  # used as `with _turn()`
    """Inside, it is this thread's turn, whatever torch's generators have."""

    def __enter__(self) -> None:
        TURNS.take()

    def __exit__(self, *_: object) -> None:
        TURNS.give_back()


def _load(generator: Generator) -> None:
    """Put states into torch's generators; it is this thread's turn."""
    for device in list(LOADED) if generator is PROCESS else generator.devices.values():
        now = LOADED.get(device, PROCESS)
        if now is not generator:
            now.states[device] = _torchs(device).get_state()
            _put(generator, device)


def _unload(generator: Generator, outer: Generator) -> None:
    """Forget a generator's states, and put others where they are; it is this thread's turn."""
    for device in generator.devices.values():
        if LOADED.get(device) is generator:
            _put(outer if device in outer.devices.values() else PROCESS, device)
    generator.states.clear()


def _put(generator: Generator, device: torch.device) -> None:
    """Put states into one of torch's generators, whatever it has."""
    if generator is PROCESS:
        LOADED.pop(device, None)
    else:
        LOADED[device] = generator
    state = generator.states.pop(device, None)
    if state is not None:  # else it is about to be seeded
        _torchs(device).set_state(state)


def waits() -> bool:
    """Whether who draws in this thread may have to wait."""
    return TURNS.owner != get_ident() and not _here.draws


def its_turn() -> AbstractContextManager[object]:
    """Inside, torch's generators have the states of the run that this thread makes, or of the process."""
    run = _here.generator
    return _Process() if run is None else run.turn()


def in_turn(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A function that draws: it does so in a turn, or from the process' own states."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> torch.Tensor:
        # a compiled program draws in the turn in which it is called
        if torch.compiler.is_compiling() or not waits():
            return function(*args, **kwargs)
        with its_turn():
            return function(*args, **kwargs)

    return run


def generator(device: torch.device) -> Generator:
    """States of their own, to be seeded before anything is drawn."""
    return Generator(device)


_SPARE = SpareGenerators(generator)


def random_state(seed: int, device: torch.device) -> AbstractContextManager[contract.Generator]:
    """Inside, torch draws from generators seeded so; the process' own are as before afterwards."""
    return _SPARE.seeded(seed, device)


def _after_fork() -> None:
    """In the child of a fork there are no other runs."""
    TURNS.after_fork(_here.draws)
    if _here.generator is None:
        with _turn():
            _load(PROCESS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
