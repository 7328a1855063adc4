"""What a training run leaves behind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unidl.errors import ForeignNameError, LogNameError
from unidl.habits import HISTORY, sentence
from unidl.table import Column, Table
from unidl.terminal import printable
from unidl.visible import visible

SHOWN = 10  # epochs at the beginning and at the end of a long table


class History:
    """The numbers of a run.

    Args:
        epochs: One dict of name -> number for each epoch: "loss" and its parts, metrics, "learning_rate", "val_…", and "seconds".
        step_loss: The loss of each optimizer step.
        stopped: Why the run ended before its last epoch; None where it did not.
    """

    def __init__(self, epochs: list[dict[str, float]], step_loss: np.ndarray, stopped: str | None = None) -> None:
        self.epochs = epochs
        self.step_loss = step_loss
        self.stopped = stopped

    def __getitem__(self, name: str) -> list[float]:
        """One number over the finished epochs; an empty list where the run ended within its first."""
        if self.epochs and name not in self.names():
            raise LogNameError(
                f"There is no {name!r} in this history.",
                expected=f"one of {', '.join(sorted(self.names()))}",
                received=repr(name),
            )
        return [epoch[name] for epoch in self.epochs if name in epoch]

    def __getattr__(self, name: str) -> Any:
        if name in HISTORY:
            raise ForeignNameError(f"A History has no {name!r}.", fix=sentence(HISTORY[name]))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def names(self) -> list[str]:
        """The names of the numbers, in the order in which they came."""
        return list(dict.fromkeys(name for epoch in self.epochs for name in epoch))

    def __repr__(self) -> str:
        courses = {name: self[name] for name in self.names() if name != "seconds"}
        told = ", ".join(f"{visible(name)} {_number(each[0])} → {_number(each[-1])}" for name, each in courses.items())
        ended = f"; stopped: {visible(self.stopped)}" if self.stopped is not None else ""
        return f"<History of {len(self.epochs)} epochs, {len(self.step_loss)} steps: {told or 'no numbers'}{ended}>"

    def __str__(self) -> str:
        return printable(self._table().text())

    def __rich__(self) -> Table:
        """For rich's print: a row for each epoch; of a long run its beginning and its end."""
        return self._table()

    def _repr_html_(self) -> str:
        """The same, for a notebook."""
        return self._table()._repr_html_()

    def _table(self) -> Table:
        names = self.names()
        rows = [
            (str(i + 1), *(_number(epoch[name]) if name in epoch else "" for name in names))
            for i, epoch in enumerate(self.epochs)
        ]
        notes = [f"{len(self.step_loss):,} steps"]
        if len(rows) > 2 * SHOWN + 1:
            notes.append(f"epochs {SHOWN + 1} to {len(rows) - SHOWN} are left out here; history.epochs has them")
            rows[SHOWN:-SHOWN] = [("…",) * (len(names) + 1)]
        if self.stopped is not None:
            notes.append(f"stopped: {self.stopped}")
        columns = (Column("epoch", "right"), *(Column(name, "right") for name in names))
        return Table("History", columns, tuple(rows), tuple(notes))


def _number(value: float) -> str:
    """Four digits behind the point, where they tell something."""
    if not math.isfinite(value) or value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.4f}"
    return f"{value:.3e}"
