"""How far a run has come: what a checkpoint keeps of it, and what its history is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unidl.errors import ArgumentError
from unidl.training.history import History
from unidl.training.numbers import is_shown, positions_of

Numbers = dict[str, float]


ASKED = "a callback asked for it"  # why a run ended that is not resumed; what the callback says may follow
CTRL_C = "Ctrl-C"
MAX_STEPS = "max_steps was reached"
MAX_TIME = "max_time was reached"
LIMITS = (MAX_STEPS, MAX_TIME)
ENDED = (ASKED, CTRL_C, "SIGTERM", "SIGHUP", *LIMITS)


def columns_of(epochs: list[Numbers]) -> dict[str, Any]:
    """The numbers of epochs as columns, which a file of many epochs holds as arrays."""
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch))
    return {
        "count": len(epochs),
        "columns": {name: np.array([epoch.get(name, np.nan) for epoch in epochs], "float64") for name in names},
        "present": {
            name: np.array([name in epoch for epoch in epochs])
            for name in names
            if not all(name in epoch for epoch in epochs)
        },
    }


@dataclass
class Progress:
    """A run of `fit`, from its first epoch to where it stands.

    Args:
        data: What decides which examples stand in which batch (Source.describe).
        epochs: The numbers of each finished epoch.
        step_loss: The loss of each step of the finished epochs.
        position: Steps taken of the epoch that is going on.
        columns: Name -> the numbers of those steps, one array for each call of the loop.
        sizes: Examples in the batch of each of those steps.
        states: The metrics' states, as tensors on the device; None before the first step.
        seconds: How long that epoch has taken so far.
        stopped: Why the run ended before its last epoch; None where it did not.
    """

    data: dict[str, Any]
    epochs: list[Numbers] = field(default_factory=list)
    step_loss: list[np.ndarray] = field(default_factory=list)
    position: int = 0
    columns: dict[str, list[np.ndarray]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    states: Any = None
    seconds: float = 0.0
    stopped: str | None = None

    def add(self, numbers: dict[str, np.ndarray], sizes: list[int], states: Any, seconds: float) -> None:
        """Some steps were taken.

        Raises:
            ArgumentError: They log other numbers than the epoch's steps before.
        """
        if self.position and self.columns.keys() != numbers.keys():
            raise ArgumentError(
                "The training step logs other numbers than the steps before it in this epoch, which were restored.",
                expected=", ".join(self.columns) or "none",
                received=", ".join(numbers) or "none",
                fix="Resume with the training_step that the run began with.",
            )
        for name, column in numbers.items():
            self.columns.setdefault(name, []).append(column)
        self.sizes += sizes
        self.states = states
        self.position += len(sizes)
        self.seconds += seconds

    def last(self) -> Numbers:
        """The numbers of the last step."""
        return {n: float(columns[-1][-1]) for n, columns in self.columns.items() if is_shown(n, self.columns)}

    def means(self) -> Numbers:
        """The mean of each number over the epoch's examples; of a loss with masks or weights over what its steps were divided by."""
        sizes = np.array(self.sizes, "float64")
        means = {}
        for name, columns in self.columns.items():
            if is_shown(name, self.columns):
                divisors = self.columns.get(positions_of(name))
                weights = sizes if divisors is None else np.concatenate(divisors)
                means[name] = float(np.concatenate(columns) @ weights / (weights.sum() or 1.0))
        return means

    def end_epoch(self, numbers: Numbers) -> None:
        """The epoch ended, with these numbers."""
        loss = self.columns.get("loss")
        self.step_loss.append(np.full(self.position, np.nan) if loss is None else np.concatenate(loss))
        self.epochs.append(numbers)
        self.position, self.columns, self.sizes, self.states, self.seconds = 0, {}, [], None, 0.0

    def is_broken(self) -> bool:
        """Whether the run ended with a number that is not finite."""
        return self.stopped is not None and not self.stopped.startswith(ENDED)

    def is_at_end(self) -> bool:
        """Whether a callback ended the run: it is not resumed."""
        return self.stopped is not None and self.stopped.startswith(ASKED)

    @property
    def steps(self) -> int:
        """Steps of the run so far."""
        return sum(map(len, self.step_loss)) + self.position

    def history(self, unfinished: Numbers | None = None) -> History:
        """What the run leaves behind; the steps of an epoch that was not finished count too.

        Args:
            unfinished: The numbers of that epoch.
        """
        begun = [np.concatenate(self.columns["loss"])] if "loss" in self.columns else []
        each = [*self.step_loss, *begun]
        return History(
            [*self.epochs, *([unfinished] if unfinished else [])],
            np.concatenate(each) if each else np.zeros(0),
            self.stopped,
        )
