"""Figures with their spread: as text, and whether two of them stand apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from unidl.inspection.timing import Timing

# what was measured once shows no spread, or not that of the machine: this part of the figure is added to either side
ALONE = 0.1

_SECONDS = ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (0.0, 1e6, "µs"))
_BYTES = ((2.0**30, 2.0**-30, "GiB"), (2.0**20, 2.0**-20, "MiB"), (0.0, 2.0**-10, "KiB"))


def spread(figure: Timing, once: bool = False) -> Timing:
    """The figure with the spread by which it is judged.

    Args:
        figure: The figure.
        once: Whether it was measured in one stretch of time, in which the machine may have been busier than in another's.
    """
    margin = ALONE * abs(figure.median) if once or figure.rounds == 1 else 0.0
    return dataclasses.replace(figure, low=figure.low - margin, high=figure.high + margin)


def apart(one: Timing, other: Timing, once: bool = False) -> bool:
    """Whether the spreads have no value in common, so that one may be said to be the smaller."""
    return not spread(one, once).overlaps(spread(other, once))


def ranked(figures: Mapping[str, Timing], better: str) -> list[str]:
    """The labels, the best median first."""
    return sorted(figures, key=lambda label: figures[label].median, reverse=better == "more")


def leaders(figures: Mapping[str, Timing], better: str, once: bool = False) -> list[str]:
    """The best, and all from which it does not stand apart."""
    order = ranked(figures, better)
    return [label for label in order if label == order[0] or not apart(figures[order[0]], figures[label], once)]


def text(figure: Timing) -> str:
    """The median and the quartiles, as "1.2 ms (1.1 to 1.4)"."""
    if figure.unit not in ("s", "B"):
        middle, low, high = (_number(value) for value in (figure.median, figure.low, figure.high))
        unit = figure.unit
    else:
        steps = _SECONDS if figure.unit == "s" else _BYTES
        _, factor, unit = next(step for step in steps if abs(figure.median) >= step[0])
        middle, low, high = (_number(value * factor) for value in (figure.median, figure.low, figure.high))
    return f"{middle} {unit}" if figure.rounds == 1 else f"{middle} {unit} ({low} to {high})"


def _number(value: float) -> str:
    """Three figures that count, and never an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
