"""Early stopping."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.arguments import LARGEST_SIZE, flag, integer
from unidl.callbacks.callback import Callback
from unidl.callbacks.monitor import Monitor
from unidl.capture import told_arguments
from unidl.errors import ArgumentError


class EarlyStopping(Callback):
    """Stop when a number has not improved for some epochs, and restore the best weights.

    Which number it was, its best value and epoch, and that weights were restored is shown below the progress bar, and in
    `History.stopped`; `best` and `best_epoch` (counted from 1) have them too.

    Args:
        monitor: The number's name; None is "val_loss" where there is validation data, else "loss".
        patience: Epochs without a better number before it stops. Epochs without validation do not count for a number of it.
        min_delta: How much better it must be, in the number's units.
        mode: "min" or "max"; None knows it of a loss and of accuracy, and raises an error for another number.
        restore_best: Whether the model ends with the weights of its best epoch.
    """

    in_dev_run = False

    @told_arguments
    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 3,
        min_delta: float = 0.0,
        mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        self.monitor = self.watches = Monitor(self, monitor, mode, min_delta)
        self.patience = integer(self, "patience", patience, 0, LARGEST_SIZE)
        self.restore_best = flag(self, "restore_best", restore_best)
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self.best_epoch = 0
        self.waited = 0
        self._name = ""
        self._weights: dict[str, Any] | None = None

    def on_start(self, trainer: Any) -> None:
        """Forget what was before."""
        self._begin()
        self._shapes = {path: tuple(slot.shape) for path, slot in trainer.model.weight_slots().items()}

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """Compare with the best so far."""
        value = self.monitor.value(numbers)
        if value is None:
            return
        self._name = self.monitor.name(numbers)
        if self.monitor.is_better(value, self.best, self._name):
            self.best, self.best_epoch, self.waited = value, len(trainer.progress.epochs), 0
            self._weights = trainer.model.weights() if self.restore_best else None
            return
        self.waited += 1
        if self.waited >= self.patience:
            best = (
                "was never a number" if self.best is None else f"was best in epoch {self.best_epoch}: {self.best:.6g}"
            )
            restored = "; the weights of that epoch are restored" if self._weights is not None else ""
            trainer.stop(f"EarlyStopping: {self._name!r} {best}{restored}")

    def on_end(self, trainer: Any) -> None:
        """Restore the best weights."""
        if self._weights is None:
            return
        trainer.model.set_weights(self._weights)
        if trainer.progress.stopped is None and self.waited:  # the last epoch was not the best one
            trainer._say(
                f"EarlyStopping: the weights of epoch {self.best_epoch} are restored ({self._name!r} {self.best:.6g})"
            )

    def state(self) -> dict[str, Any]:
        """The best so far."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "name": self._name,
            "weights": self._weights,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume with it.

        Raises:
            ArgumentError: It is not what `state` returned.
        """
        best, weights, name = state.get("best"), state.get("weights"), state.get("name")
        number = best is None or (isinstance(best, (int, float)) and not isinstance(best, bool))
        counts = all(_is_count(state.get(key)) for key in ("best_epoch", "waited"))
        kept = weights is None or (
            isinstance(weights, dict)
            and {path: np.shape(array) for path, array in weights.items()} == self._shapes
            and all(getattr(array, "dtype", np.dtype(object)).kind in "biuf" for array in weights.values())
        )
        if not (number and counts and kept and isinstance(name, str) and state.keys() == self.state().keys()):
            raise ArgumentError(
                "EarlyStopping was given a state that is none.",
                expected='{"best": number, "best_epoch": count, "waited": count, "name": text, "weights": arrays of the '
                "model's weights, or None}",
                received=f"{state!r:.200}",
            )
        self.best, self.best_epoch, self.waited = best, int(state["best_epoch"]), int(state["waited"])
        self._name, self._weights = name, weights


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
