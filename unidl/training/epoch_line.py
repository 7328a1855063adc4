"""The line of an epoch, short enough for the terminal where that can be."""

from __future__ import annotations

from collections.abc import Mapping

from unidl.training.rates import is_rate


def epoch_line(epoch: int, epochs: int, numbers: Mapping[str, float], width: int | None = None) -> str:
    """An epoch's logs, without learning rates, on one line: "epoch 1/3  loss 0.3521  accuracy 0.8932  4.2 s".

    A line of more characters than the terminal has columns would be wrapped: then spaces go first, digits next, and at last the logs
    that do not fit, for history has all of them.

    Args:
        epoch: Counted from 1.
        epochs: Epochs of the run.
        numbers: Name -> value.
        width: Columns of the terminal; None where the line may have any length.
    """
    seconds = [f"{numbers['seconds']:.1f} s"] if "seconds" in numbers else []
    logs = [(name, value) for name, value in numbers.items() if name != "seconds" and not is_rate(name)]
    line = ""
    for space, digits in (("  ", 4), (" ", 4), (" ", 3)):
        told = [f"epoch {epoch}/{epochs}", *(f"{name} {value:.{digits}f}" for name, value in logs), *seconds]
        line = space.join(told)
        if width is None or len(line) <= width:
            return line
    while width is not None and len(line) > width and len(told) > 2:
        told = [*told[:-2], "…"] if told[-1] == "…" else [*told[:-1], "…"]
        line = " ".join(told)
    return line[:width]
