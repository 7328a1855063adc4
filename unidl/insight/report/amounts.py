"""Figures in words: 1.24 ms, 38.1 MiB, 2.3 M."""

from __future__ import annotations

import math

from unidl.inspection.timing import Timing

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_MANY = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def digits(value: float) -> str:
    """Three significant digits, and no exponent where a person needs none."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if abs(value) >= 1e6 or abs(value) < 1e-3:
        return f"{value:.2e}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def _scale(value: float, unit: str) -> tuple[float, str]:
    known = {"s": _SECONDS, "B": _BYTES}.get(unit)
    if known is None:
        return 1.0, {"1/s": "/s"}.get(unit, unit)
    return next(((size, name) for size, name in known if abs(value) >= size), known[-1] if value else known[0])


def amount(value: float, unit: str) -> str:
    """A value with the unit that suits it.

    Example:
        >>> amount(0.00124, "s"), amount(39_950_000, "B")
        ('1.24 ms', '38.1 MiB')
    """
    size, name = _scale(value, unit)
    return f"{digits(value / size)} {name}".rstrip()


def spread(timing: Timing) -> str:
    """The quartiles and how often it was measured, in the median's unit."""
    if timing.rounds == 1:
        return "measured once"
    size, _ = _scale(timing.median, timing.unit)
    return f"{digits(timing.low / size)} to {digits(timing.high / size)}, {timing.rounds} rounds"


def median(timing: Timing) -> str:
    """The median with its unit."""
    return amount(timing.median, timing.unit)


def many(count: int | float) -> str:
    """A large number in short: 2.3 M.

    Example:
        >>> many(1234567), many(12)
        ('1.23 M', '12')
    """
    size, name = next(((size, name) for size, name in _MANY if abs(count) >= size), (1.0, ""))
    return f"{digits(count / size) if size > 1 else count} {name}".rstrip()
