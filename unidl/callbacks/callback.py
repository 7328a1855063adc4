"""What a callback is."""

from __future__ import annotations

from typing import Any


class Callback:
    """Called by the Trainer; a subclass defines what it needs.

    Each method gets the Trainer, which has `model`, `epoch` and `stop()`.
    """

    def on_start(self, trainer: Any) -> None:
        """Before the first epoch of a `fit`."""

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """After an epoch, with its numbers."""

    def on_end(self, trainer: Any) -> None:
        """After the last epoch."""
