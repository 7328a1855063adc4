"""Who is told what Trainers do: a comparison that measures somebody's script from inside, and may set `jit` before steps are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unidl.data import Source

if TYPE_CHECKING:
    from unidl.training.history import History
    from unidl.training.trainer import Trainer


class Observer:
    """Told by every Trainer of the process, subclasses included, what it does; a subclass defines what it needs."""

    def begins(self, trainer: Trainer, source: Source) -> None:
        """A `fit` begins: the model is built, and nothing is on the device yet."""

    def took(self, trainer: Trainer, count: int, seconds: float) -> None:
        """Steps were taken and their numbers are on the host, before any callback hears of them."""

    def ends(self, trainer: Trainer, history: History) -> None:
        """A `fit` came to its end."""

    def steps(self, trainer: Trainer, source: Source) -> None:
        """`Trainer.step` is about to take a step: the model is built."""

    def stepped(self, trainer: Trainer, source: Source, numbers: Mapping[str, float], seconds: float) -> None:
        """`Trainer.step` took a step; its numbers are still on the device, and reading them waits for it."""


OBSERVERS: list[Observer] = []  # of this process
