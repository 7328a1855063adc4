"""What a training run leaves behind."""

from __future__ import annotations

from typing import Any

import numpy as np


class History:
    """The numbers of a run.

    Args:
        epochs: One dict of name -> number for each epoch: "loss", metrics, "val_…", and "seconds".
        step_loss: The loss of each optimizer step.
        stopped: Why the run ended before its last epoch; None where it did not.
    """

    def __init__(self, epochs: list[dict[str, float]], step_loss: np.ndarray, stopped: str | None = None) -> None:
        self.epochs = epochs
        self.step_loss = step_loss
        self.stopped = stopped

    def __getitem__(self, name: str) -> list[float]:
        """One number's course over the epochs."""
        if not any(name in epoch for epoch in self.epochs):
            known = sorted({key for epoch in self.epochs for key in epoch})
            raise KeyError(f"no {name!r} in this history; it has {', '.join(known)}")
        return [epoch[name] for epoch in self.epochs if name in epoch]

    def __repr__(self) -> str:
        return "\n".join(f"epoch {i + 1}: {_line(epoch)}" for i, epoch in enumerate(self.epochs))

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(key for epoch in self.epochs for key in epoch))
        head = "".join(f"<th>{name}</th>" for name in ("epoch", *names))
        rows = "".join(
            f"<tr><td>{i + 1}</td>" + "".join(f"<td>{epoch.get(n, float('nan')):.4f}</td>" for n in names) + "</tr>"
            for i, epoch in enumerate(self.epochs)
        )
        return f"<table><tr>{head}</tr>{rows}</table>"


def _line(epoch: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in epoch.items())
