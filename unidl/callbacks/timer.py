"""How long training takes."""

from __future__ import annotations

import time
from typing import Any

from unidl.arguments import number, optional
from unidl.callbacks.callback import Callback
from unidl.capture import told_arguments


class Timer(Callback):
    """Measure the time of a run and of its epochs, and stop it after some time.

    `seconds` has the run's so far, with what it took before it was resumed; `epoch_seconds` those of each epoch, validation and
    the callbacks before this one included.

    Args:
        duration: Seconds after which the run is stopped, by `trainer.stop`: at the next control, about every 0.2 seconds. It is at
            its end then; with `fit(max_time=…)` it can be resumed.

    Example:
        >>> import numpy, unidl
        >>> x = numpy.ones((8, 3), "float32")
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse")
        >>> timer = unidl.callbacks.Timer()
        >>> h = t.fit(x, x[:, :1], epochs=3, callbacks=[timer], progress=False)
        >>> len(timer.epoch_seconds), timer.seconds > 0
        (3, True)
    """

    @told_arguments
    def __init__(self, duration: float | None = None) -> None:
        self.duration = optional(number, self, "duration", duration, above=0)
        self.epoch_seconds: list[float] = []
        self._before = 0.0  # seconds of earlier calls of fit that this run was resumed from
        self._started: float | None = None
        self._epoch_started = 0.0

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return self._before + (0.0 if self._started is None else time.perf_counter() - self._started)

    def on_start(self, trainer: Any) -> None:
        """Begin."""
        self.epoch_seconds, self._before, self._started = [], 0.0, time.perf_counter()

    def on_epoch_begin(self, trainer: Any) -> None:
        """An epoch begins."""
        self._epoch_started = self.seconds

    def on_batches(self, trainer: Any, logs: Any) -> None:
        """Stop it when its time is over."""
        if self.duration is not None and self.seconds >= self.duration:
            trainer.stop(f"Timer: {self.duration:g} seconds are over")

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """An epoch ended."""
        self.epoch_seconds.append(self.seconds - self._epoch_started)

    def on_interrupt(self, trainer: Any) -> None:
        """Halt."""
        self._halt()

    def on_exception(self, trainer: Any, error: Exception) -> None:
        """Halt."""
        self._halt()

    def on_end(self, trainer: Any) -> None:
        """Halt."""
        self._halt()

    def _halt(self) -> None:
        self._before, self._started = self.seconds, None

    def state(self) -> dict[str, Any]:
        """How long it took so far."""
        return {"seconds": self.seconds, "epoch_seconds": list(self.epoch_seconds)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self._before = float(state["seconds"])
        self.epoch_seconds = [float(seconds) for seconds in state["epoch_seconds"]]
