"""Where random ops draw from in a model that was built with random="portable".

A draw is a function of (seed, step), which are a tensor on the model's device, and of (path, call in this step), which are known
when a graph is made. The layer that runs now says its path here. The place is one for each thread and no ContextVar, for
torch's compiler reads and writes it like a variable of its own; a graph that was traced holds nothing of it but numbers.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Tensor = Any


class Stream:
    """The draws of one step.

    Args:
        state: (seed, step), int64 (2,): a tensor, or an array outside any model.
        outside: Whether it is of no model; a model that is called inside has its own.
    """

    def __init__(self, state: Tensor, outside: bool = False) -> None:
        self.state = state
        self.outside = outside
        self.calls: dict[int, int] = {}  # origin of a path -> draws so far


def origin(path: str) -> int:
    """The number of a path, 64 bits; the first draw there in a step has it as its stream."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "big")


TOP = origin("")
_STRIDE = 0x9E3779B97F4A7C15  # from call to call: odd, so 2^64 calls differ


class _Place(threading.local):
    def __init__(self) -> None:
        self.stream: Stream | None = None  # None: each framework's own generator
        self.origin = TOP
        self.inside: str | None = None  # the op of control flow whose body runs
        self.noted: list[str | None] = []  # for each draw on symbolic tensors, that op


NOW = _Place()


def next_stream(stream: Stream) -> int:
    """The number of the next draw at the present path."""
    call = stream.calls.get(NOW.origin, 0)
    stream.calls[NOW.origin] = call + 1
    return (NOW.origin + call * _STRIDE) % 2**64


def state_of(seed: int, step: int) -> list[int]:
    """(seed, step) as two numbers of 64 bits with a sign."""
    return [(seed + 2**63) % 2**64 - 2**63, step]


def enter(place: int, begin: Callable[[], Tensor] | None) -> tuple[Stream | None, int]:
    """A layer that may draw starts; what is returned goes to `leave`.

    Args:
        place: The origin of its path.
        begin: Takes the model to its next step and gives the state; called where no step is being taken around it. None: the
            layer draws nothing in this mode.
    """
    before = NOW.stream, NOW.origin
    if begin is not None and (NOW.stream is None or NOW.stream.outside):
        NOW.stream = Stream(begin())
    NOW.origin = place
    return before


def leave(before: tuple[Stream | None, int]) -> None:
    """The layer is done."""
    NOW.stream, NOW.origin = before


@contextmanager
def step_of(state: Tensor | None) -> Iterator[None]:
    """Inside, everything is one step that draws from that state, models included; None: from each framework's own generator."""
    before = NOW.stream, NOW.origin, NOW.inside
    NOW.stream, NOW.origin, NOW.inside = None if state is None else Stream(state), TOP, None
    try:
        yield
    finally:
        NOW.stream, NOW.origin, NOW.inside = before


@contextmanager
def noting() -> Iterator[list[str | None]]:
    """Inside, nothing is drawn, for a layer is being described; gives the list of its draws, sublayers' left out."""
    before = NOW.stream, NOW.noted
    NOW.stream, NOW.noted = None, []
    try:
        yield NOW.noted
    finally:
        NOW.stream, NOW.noted = before
