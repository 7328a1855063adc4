"""The model's table at the beginning of a run."""

from __future__ import annotations

from typing import Any

from unidl.callbacks.callback import Callback


class ModelSummary(Callback):
    """Print the model's layers, shapes and parameters before the first step: what `model.summary()` prints."""

    def on_start(self, trainer: Any) -> None:
        """Print it."""
        trainer.model.summary()
