"""Random generators with their owners: what those of all backends have in common."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unidl.backends.contract import Generator


class SpareGenerators(threading.local):
    """Generators that are kept between uses, one for each depth at which a thread uses them at once.

    What was traced for one draws from it again, and is not traced once more.

    Args:
        make: Makes one for a device.
    """

    def __init__(self, make: Callable[[Any], Generator]) -> None:
        self._make = make
        self._free: dict[Any, list[Generator]] = {}

    @contextmanager
    def seeded(self, seed: int, device: Any) -> Iterator[Generator]:
        """Inside, random ops draw from one that was seeded so."""
        free = self._free.setdefault(device, [])
        generator = free.pop() if free else self._make(device)
        try:
            with generator.drawing():
                generator.seed(seed)
                yield generator
        finally:
            free.append(generator)


# the name of the process' own state in the state of a run: only a run that it is lent to at that moment has one
LENT_STATE = "process"


class Lent:
    """The process' own generator while runs draw from theirs.

    A graph that somebody traced outside any run holds the process' generator. So the run that began last seeds that too, and it is
    as before when no run is left.

    Args:
        read: The process' state; None where it has none yet.
        write: Overwrites it.
    """

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self._read, self._write = read, write
        self._lock = threading.RLock()
        self._runs: list[tuple[object, Any]] = []  # each with the state before it

    def begin(self, run: object) -> None:
        """A run begins."""
        with self._lock:
            self._runs.append((run, self._read()))

    def end(self, run: object) -> None:
        """It ends."""
        with self._lock:
            place = next(i for i in reversed(range(len(self._runs))) if self._runs[i][0] is run)
            _, before = self._runs.pop(place)
            if place < len(self._runs):  # a later one is still there
                self._runs[place] = self._runs[place][0], before
            elif before is not None:
                self._write(before)

    def read(self, run: object) -> Any:
        """The process' state, if it is lent to that run."""
        return self._read() if self._is_last(run) else None

    def write(self, run: object, state: Any) -> None:
        """Overwrite it, if it is lent to that run."""
        if self._is_last(run) and self._read() is not None:
            self._write(state)

    def _is_last(self, run: object) -> bool:
        runs = self._runs
        return bool(runs) and runs[-1][0] is run


class lending:  # noqa: N801  # used as `with lending(…)`; entering a generator function would cost each step more
    """Inside, a generator is drawn from, and the process' own is lent to it.

    Args:
        lent: The process' own.
        generator: The generator.
        draws: The context in which it is drawn from.
    """

    def __init__(self, lent: Lent, generator: object, draws: Any) -> None:
        self._lent, self._generator, self._draws = lent, generator, draws

    def __enter__(self) -> None:
        self._lent.begin(self._generator)
        self._draws.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._draws.__exit__(*error)
        self._lent.end(self._generator)
