"""Stop when it gets no better."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from unidl.arguments import LARGEST_SIZE, flag, integer, number, one_of, optional, text
from unidl.callbacks.callback import Callback
from unidl.capture import told_arguments
from unidl.errors import ArgumentError


class EarlyStopping(Callback):
    """Stop when a number has not got better for some epochs, and take the best weights back.

    Args:
        monitor: The number's name; None is "val_loss" where there is validation data, else "loss".
        patience: Epochs without a better number before it stops.
        min_delta: How much better it must be, in the number's units.
        mode: "min" or "max"; None knows it of a loss and of accuracy, and is refused for another number.
        restore_best: Whether the model ends with the weights of its best epoch.
    """

    @told_arguments
    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 3,
        min_delta: float = 0.0,
        mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        self.monitor = optional(text, self, "monitor", monitor)
        self.patience = integer(self, "patience", patience, 0, LARGEST_SIZE)
        self.min_delta = number(self, "min_delta", min_delta, least=0)
        self.mode = optional(one_of, self, "mode", mode, ("min", "max"))
        self.restore_best = flag(self, "restore_best", restore_best)
        self.best = math.inf
        self.waited = 0
        self._weights: dict[str, Any] | None = None
        self._shapes: dict[str, tuple[int, ...]] = {}

    def check(self, names: Collection[str], others: bool) -> None:
        """Refuse at the beginning of a run what it could not watch at the end of an epoch.

        Args:
            names: The numbers that its epochs will have.
            others: Whether they may have others too, as a `training_step` of one's own may give any.

        Raises:
            ArgumentError: It will have no such number, or it is not known whether more or less of it is better.
        """
        if self.monitor is not None and self.monitor not in names and not others:
            raise self._absent(self.monitor, names)
        self._larger_is_better(self.monitor or "loss")

    def on_start(self, trainer: Any) -> None:
        """Forget what was before."""
        self.best, self.waited, self._weights = math.inf, 0, None
        self._shapes = {path: tuple(slot.shape) for path, slot in trainer.model.weight_slots().items()}

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """Compare with the best so far."""
        name = self.monitor or ("val_loss" if "val_loss" in numbers else "loss")
        if name not in numbers:
            raise self._absent(name, numbers)
        largest = self._larger_is_better(name)
        value = -numbers[name] if largest else numbers[name]
        if value < self.best - self.min_delta:
            self.best, self.waited = value, 0
            self._weights = trainer.model.weights() if self.restore_best else None
        else:
            self.waited += 1
            if self.waited >= self.patience:
                trainer.stop()

    def _absent(self, name: str, names: Collection[str]) -> ArgumentError:
        return ArgumentError(
            f"EarlyStopping watches {name!r}, which this run does not have.",
            expected=f"one of {', '.join(names)}",
            fix="Give validation_data for a val_ number, or name another one.",
        )

    def _larger_is_better(self, name: str) -> bool:
        if self.mode is None and not name.endswith(("loss", "accuracy")):
            raise ArgumentError(
                f"EarlyStopping cannot know whether more or less of {name!r} is better.",
                fix='EarlyStopping(…, mode="max") or "min".',
            )
        return self.mode == "max" or (self.mode is None and name.endswith("accuracy"))

    def on_end(self, trainer: Any) -> None:
        """Take the best weights back."""
        if self._weights is not None:
            trainer.model.set_weights(self._weights)

    def state(self) -> dict[str, Any]:
        """The best so far."""
        return {"best": self.best, "waited": self.waited, "weights": self._weights}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume with it.

        Raises:
            ArgumentError: It is not what `state` gave.
        """
        best: Any = state.get("best")
        waited: Any = state.get("waited")
        weights: Any = state.get("weights")
        number = isinstance(best, (int, float)) and not isinstance(best, bool)
        count = isinstance(waited, int) and not isinstance(waited, bool) and waited >= 0
        kept = weights is None or (
            isinstance(weights, dict)
            and {path: np.shape(array) for path, array in weights.items()} == self._shapes
            and all(getattr(array, "dtype", np.dtype(object)).kind in "biuf" for array in weights.values())
        )
        if not (number and count and kept and state.keys() == {"best", "waited", "weights"}):
            raise ArgumentError(
                "EarlyStopping was given a state that is none.",
                expected='{"best": number, "waited": count, "weights": arrays of the model\'s weights, or None}',
                received=f"{state!r:.200}",
            )
        self.best, self.waited, self._weights = best, waited, weights
