"""The line of an epoch, short enough for the terminal where that can be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from unidl.training.gradient_norms import PREFIX
from unidl.training.rates import is_rate


def epoch_line(epoch: int, epochs: int | None, numbers: Mapping[str, float], width: int | None = None) -> str:
    """An epoch's logs, without learning rates, on one line: "epoch 1/3  loss 0.3521  accuracy 0.8932  4.2 s".

    A line of more characters than the terminal has columns would be wrapped: then spaces go first, digits next, and at last the logs
    that do not fit, for history has all of them.

    Args:
        epoch: Counted from 1.
        epochs: Epochs of the run; None where nobody knows.
        numbers: Name -> value.
        width: Columns of the terminal; None where the line may have any length.
    """
    seconds = [f"{numbers['seconds']:.1f} s"] if "seconds" in numbers else []
    logs = [(name, value) for name, value in numbers.items() if name != "seconds" and not _is_aside(name)]
    line = ""
    for space, digits in (("  ", 4), (" ", 4), (" ", 3)):
        told = [epoch_name(epoch, epochs), *(f"{name} {value:.{digits}f}" for name, value in logs), *seconds]
        line = space.join(told)
        if width is None or len(line) <= width:
            return line
    while width is not None and len(line) > width and len(told) > 2:
        told = [*told[:-2], "…"] if told[-1] == "…" else [*told[:-1], "…"]
        line = " ".join(told)
    return line[:width]


def epoch_name(epoch: int, epochs: int | None) -> str:
    """Which epoch: "epoch 1/3", or "epoch 1" where nobody knows how many there are."""
    return f"epoch {epoch}" if epochs is None else f"epoch {epoch}/{epochs}"


def running_line(numbers: Mapping[str, float], left: float | None) -> str:
    """The means of an epoch so far, the learning rate and the time left: "ETA 0:01:23  loss 0.3521  lr 0.001".

    Args:
        numbers: Name -> value, learning rates included.
        left: Seconds to the end of the run; None where nobody knows.
    """
    told = [f"{name} {value:.4f}" for name, value in numbers.items() if not _is_aside(name)]
    told += [f"{name.replace('learning_rate', 'lr')} {value:.3g}" for name, value in numbers.items() if is_rate(name)]
    return "  ".join([f"ETA {timedelta(seconds=round(left))}", *told] if left is not None else told)


def _is_aside(name: str) -> bool:
    """Whether a number is in the history alone: there are many of it, or it seldom changes."""
    return is_rate(name) or name.startswith(PREFIX)
