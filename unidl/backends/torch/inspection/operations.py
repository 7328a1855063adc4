"""The framework's own operations: those that run, each with its layer, its lane and what it reads."""

from __future__ import annotations

from unidl.inspection.picture import Picture
from unidl.inspection.watched import Watched


def watch(watched: Watched) -> Picture:
    watched.run()
    return Picture(())


def traces_in(watched: Watched) -> int:
    """None: torch runs operations one by one."""
    watched.run()
    return 0
