"""The numbers of one step, which stay on the device until somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

_POSITIONS = "/positions"


def positions_of(name: str) -> str:
    """Under which the number is kept that a loss of a step was divided by, where that does not go by the examples; shown nowhere."""
    return name + _POSITIONS


def is_shown(name: str, names: Collection[str]) -> bool:
    """Whether a step's number is one to show, and not what another one of them was divided by."""
    return not (name.endswith(_POSITIONS) and name.removesuffix(_POSITIONS) in names)


class Numbers(Mapping[str, float]):
    """Name -> number, read from the device at the first look.

    Args:
        each: Name -> reads that number.
        metrics: Reads the metrics.
    """

    def __init__(self, each: Mapping[str, Callable[[], float]], metrics: Callable[[], dict[str, float]]) -> None:
        self._each = each
        self._metrics = metrics
        self._read: dict[str, float] | None = None

    def _all(self) -> dict[str, float]:
        if self._read is None:
            self._read = {name: read() for name, read in self._each.items()} | self._metrics()
        return self._read

    def __getitem__(self, name: str) -> float:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())
