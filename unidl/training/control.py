"""When a running fit gives control back: after how many steps, and at once where somebody asks to stop."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Any, Self

SECONDS = 0.2  # the longest that a run goes on before anybody can stop it, if a step takes less

# the signals that end a run after its step; not every system has each
HEEDED = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Pace:
    """How many steps fill the time between two looks.

    Args:
        seconds: That time.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.steps = 1

    def measured(self, count: int, seconds: float) -> None:
        """Some steps took so long. It grows by steps of four at most: the first calls of a program are slow."""
        wanted = int(self.seconds * count / max(seconds, 1e-9))
        self.steps = max(1, min(wanted, 4 * self.steps))


class Uninterrupted:
    """What an evaluation outside a run has in place of an Interruption."""

    asked: int | None = None

    def waiting(self) -> AbstractContextManager[object]:
        """Nothing is noted: Ctrl-C interrupts as always."""
        return nullcontext()


class Interruption(Uninterrupted):
    """Inside, the first Ctrl-C, SIGTERM or SIGHUP is noted, for the run to end after its step; the second ends it at once.

    A signal for which somebody else has a handler, or which is ignored, is left alone. Python delivers signals to the main thread; a
    fit in another one is left as it is.
    """

    def __init__(self) -> None:
        self.asked = None  # the number of the signal
        self._is_waiting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in HEEDED:
                before = signal.getsignal(number)
                if before in (signal.default_int_handler, signal.SIG_DFL):
                    self._before[number] = before
                    signal.signal(number, self._note)
            _RUNNING.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self in _RUNNING:
            _RUNNING.remove(self)
        self.restore()

    def restore(self) -> None:
        """Take the handlers away again, but not those that somebody else put in their place."""
        while self._before:
            number, before = self._before.popitem()
            if signal.getsignal(number) == self._note:
                signal.signal(number, before)

    def waiting(self) -> AbstractContextManager[object]:
        """Inside, somebody else's code is waited for, a source's: the first signal interrupts that at once."""
        return _Waiting(self)

    def begin_waiting(self) -> None:
        """See `waiting`."""
        self._is_waiting = True
        if self.asked is not None:  # it came a moment ago
            self._interrupt(self.asked)

    def end_waiting(self) -> None:
        """See `waiting`."""
        self._is_waiting = False

    def has_raised(self, error: BaseException) -> bool:
        """Whether an error is what a signal raised while something was waited for."""
        return self.asked is not None and isinstance(error, (KeyboardInterrupt, SystemExit))

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:  # once more: as if nobody had noted the first
            self.restore()
            os.kill(os.getpid(), number)
            return
        self.asked = number
        if self._is_waiting:
            self._interrupt(number)

    def _interrupt(self, number: int) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)


class _Waiting:
    """See Interruption.waiting."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption

    def __enter__(self) -> None:
        self._interruption.begin_waiting()

    def __exit__(self, *_: object) -> None:
        self._interruption.end_waiting()


_RUNNING: list[Interruption] = []


def _in_child() -> None:
    """A worker of a source that forks is ended as ever: by `terminate`, for example."""
    for interruption in _RUNNING:
        interruption.restore()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
