"""When a running fit gives control back: after how many steps, and at once where somebody asks to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

SECONDS = 0.2  # the longest that a run goes on before anybody can stop it, if a step takes less


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


class Interruption:
    """Inside, the first Ctrl-C is noted, for the run to end after its step; the second interrupts at once, as always.

    Python delivers signals to the main thread; a fit in another one is left as it is.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None
        self._main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._main:
            self._before = signal.getsignal(signal.SIGINT)
            # somebody else's handler is theirs to keep
            if self._before is signal.default_int_handler:
                signal.signal(signal.SIGINT, self._note)
            else:
                self._main = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
