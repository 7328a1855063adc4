"""Who looks on while the code that is compared trains: times, losses, memory, and what is to be measured afterwards."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from unidl.backends import registry
from unidl.backends.contract import Backend
from unidl.data import Source
from unidl.insight.comparisons.resident import Growth
from unidl.training.history import History
from unidl.training.observing import Observer
from unidl.training.rates import is_rate
from unidl.training.trainer import Trainer


class Watch(Observer):
    """Looks on in one process.

    Args:
        backend: From whose import on memory counts.
        jit: What Trainers are told before they train; None leaves them as they are.
    """

    def __init__(self, backend: str, jit: bool | str | None) -> None:
        self.jit = jit
        self.trainer: Trainer | None = None  # the last one that trained
        self.source: Source | None = None  # what it trained on
        self.first: float | None = None  # seconds of the first step of all
        self.memory: int | None = None
        self.resident: int | None = None
        self.stretches: list[float] = []  # seconds a step, of each stretch between two looks
        self._losses: list[np.ndarray] = []
        self._stepped: list[Mapping[str, float]] = []
        self._numbers: dict[str, float] = {}
        self._looked: float | None = None
        self._growth: Growth | None = None
        self._backend = backend
        registry.when_loaded(self._loaded)

    def _loaded(self, backend: Backend) -> None:
        if self._backend == backend.NAME:
            self._growth = Growth()

    # -- what a Trainer tells ------------------------------------------------------------------------------------------------

    def begins(self, trainer: Trainer, source: Source) -> None:
        """A fit."""
        if trainer is not self.trainer:
            self.trainer, self._losses, self._stepped, self.stretches = trainer, [], [], []
        if self.jit is not None:
            trainer.jit = self.jit
        self.source, self._looked = source, None

    def took(self, trainer: Trainer, count: int, seconds: float) -> None:
        """Some steps; what lies between two looks is theirs, callbacks and all."""
        now = time.perf_counter()
        if self.first is None:
            self.first = seconds / count
        if self._looked is not None:
            self.stretches.append((now - self._looked) / count)
        self._looked = now
        self._measure_memory()

    def ends(self, trainer: Trainer, history: History) -> None:
        """A fit's end."""
        if self._looked is not None:
            self._losses.append(history.step_loss)
            self._numbers = (
                {name: value for name, value in history.epochs[-1].items() if name != "seconds" and not is_rate(name)}
                if history.epochs
                else {}
            )
        self._measure_memory()

    def steps(self, trainer: Trainer, source: Source) -> None:
        """A loop of the user's own begins, or goes on."""
        if trainer is not self.trainer:
            self.begins(trainer, source)

    def stepped(self, trainer: Trainer, source: Source, numbers: Mapping[str, float], seconds: float) -> None:
        """A step of such a loop; its loss is read when all is over, so that nothing waits here."""
        now = time.perf_counter()
        if self.first is None:
            dict(numbers)  # the first one waits for its loss
            self.first = seconds + time.perf_counter() - now
        elif self._looked is not None:
            self.stretches.append(now - self._looked)
        self.source, self._looked = source, now
        self._stepped.append(numbers)

    def _measure_memory(self) -> None:
        if self._growth is not None:
            self.memory, self.resident = self._growth.bytes(), self._growth.whole()

    @property
    def by_step(self) -> bool:
        """Whether the Trainer trained by a loop of the user's own."""
        return bool(self._stepped)

    # -- what came of it -------------------------------------------------------------------------------------------------------

    def found(self) -> dict[str, Any]:
        """The run's own figures, as plain data."""
        if self._stepped:
            self._losses.append(np.array([numbers.get("loss", np.nan) for numbers in self._stepped]))
            self._numbers = dict(self._stepped[-1])
            self._measure_memory()
        losses = np.concatenate(self._losses) if self._losses else np.zeros(0)
        # a program is traced in its first call, and some settle in the second: where there is enough, these are left out
        stretches = self.stretches[1:] if len(self.stretches) > 2 else self.stretches
        return {
            "step_loss": [float(value) for value in losses],
            "metrics": self._numbers,
            "memory": self.memory,
            "resident": self.resident,
            "training": stretches,
            "jit": None if self.trainer is None else self.trainer.jit,
            "backend": self.trainer.model.backend if self.trainer is not None else None,
        }
