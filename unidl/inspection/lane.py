"""Which lane of a training step runs now: set by the Trainer's engine while it is inspected, read by a backend's recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Lane:
    """A mark that moves along while a step runs, or is traced.

    A backend that sees each operation as it happens reads `now`. One that makes a graph is told by its watchers when the mark moves:
    what was added to the graph in between belongs to the lane before.

    What the model computes is of the lane "forward", also where a `training_step` of somebody's own calls the model itself, in the
    lane "loss" or in none: a backend knows that it is inside the native object, and says so by `within_model`.
    """

    def __init__(self) -> None:
        self.now = ""  # one of unidl.inspection.graph.LANES; "" outside: taking the batch, metrics
        self.watchers: list[Callable[[str], None]] = []  # called with the lane that begins now

    def enter(self, lane: str) -> None:
        """From now on it is that lane."""
        self.now = lane
        for watcher in self.watchers:
            watcher(lane)

    @contextmanager
    def running(self, lane: str) -> Iterator[None]:
        """Inside, it is that lane; afterwards the one before."""
        before = self.now
        self.enter(lane)
        try:
            yield
        finally:
            self.enter(before)

    def within_model(self) -> str:
        """The lane of what the native object computes now."""
        return "forward" if self.now in ("", "loss") else self.now
