"""The number that a callback watches: its name, which way is better, and by how much."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from unidl.arguments import number, one_of, optional, text
from unidl.errors import ArgumentError

MODES = ("min", "max")


class Monitor:
    """Compares the values that a number has at the ends of epochs.

    Args:
        owner: The callback, which messages name.
        name: The number's name; None is "val_loss" where there is validation data, else "loss".
        mode: "min" or "max"; None knows it of a loss and of accuracy.
        min_delta: How much better a value must be than the best before it, in the number's units.
    """

    def __init__(self, owner: Any, name: str | None, mode: str | None, min_delta: float = 0.0) -> None:
        self.owner = type(owner).__name__
        self.given = optional(text, owner, "monitor", name)
        self.mode = optional(one_of, owner, "mode", mode, MODES)
        self.min_delta = number(owner, "min_delta", min_delta, least=0)
        self._names: Collection[str] = ()  # of the numbers that every validated epoch of the run has

    def check(self, names: Collection[str], others: bool) -> None:
        """Refuse at the beginning of a run what could not be watched at the end of an epoch.

        Args:
            names: The numbers that its epochs will have.
            others: Whether they may have others too, as a custom `training_step` may return any.

        Raises:
            ArgumentError: It will have no such number, or it is not known whether more or less of it is better.
        """
        self._names = names
        if self.given is not None and self.given not in names and not others:
            raise self._absent(self.given, names)
        self.larger_is_better(self.given or "loss")

    def name(self, numbers: Collection[str]) -> str:
        """The number's name in a run whose epochs have these numbers."""
        return self.given or ("val_loss" if "val_loss" in numbers or "val_loss" in self._names else "loss")

    def value(self, numbers: Mapping[str, float]) -> float | None:
        """The number of an epoch; None for a number of the validation in an epoch without one.

        Raises:
            ArgumentError: The run has no such number.
        """
        name = self.name(numbers)
        if name in numbers:
            return numbers[name]
        if name in self._names:
            return None
        raise self._absent(name, numbers)

    def is_better(self, value: float, best: float | None, name: str) -> bool:
        """Whether a value is better than the best before it; NaN never is."""
        if best is None or math.isnan(best):
            return not math.isnan(value)
        return value > best + self.min_delta if self.larger_is_better(name) else value < best - self.min_delta

    def larger_is_better(self, name: str) -> bool:
        """Which way the number goes.

        Raises:
            ArgumentError: Nobody knows.
        """
        if self.mode is None and not name.endswith(("loss", "accuracy")):
            raise ArgumentError(
                f"{self.owner} cannot know whether more or less of {name!r} is better.",
                fix=f'{self.owner}(…, mode="max") or "min".',
            )
        return self.mode == "max" or (self.mode is None and name.endswith("accuracy"))

    def _absent(self, name: str, names: Collection[str]) -> ArgumentError:
        return ArgumentError(
            f"{self.owner} watches {name!r}, which this run does not have.",
            expected=f"one of {', '.join(names)}",
            fix="Give validation_data for a val_ number, or name another one.",
        )
