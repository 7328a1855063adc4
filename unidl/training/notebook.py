"""Text in a notebook, in one display whose last line changes."""

from __future__ import annotations

import sys
import uuid
from typing import Any

SHOWN = 200  # lines at the end: a run of many epochs makes no endless cell


def notebook() -> Any:
    """What publishes displays in this notebook; None elsewhere.

    A process whose kernel is a notebook's has IPython imported: it is asked for, and never imported here.
    """
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell.display_pub if shell is not None and hasattr(shell, "kernel") else None


class Display:
    """One output of a cell: lines, and one below them that changes."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._lines: list[str] = []
        self._left_out = 0
        self._is_there = False

    def add(self, line: str) -> None:
        """A line that stays, in place of the one that changes."""
        self._lines.append(line)
        if len(self._lines) > SHOWN:
            self._left_out += len(self._lines) - SHOWN
            del self._lines[:-SHOWN]
        self._publish("")

    def change(self, line: str) -> None:
        """The line that changes."""
        self._publish(line)

    def end(self) -> None:
        """Without the line that changes."""
        if self._is_there:
            self._publish("")

    def _publish(self, last: str) -> None:
        publisher = notebook()
        if publisher is None:
            return
        left_out = [f"({self._left_out} lines before these)"] if self._left_out else []
        text = "\n".join([*left_out, *self._lines, *([last] if last else [])])
        publisher.publish(
            data={"text/plain": text}, metadata={}, transient={"display_id": self._id}, update=self._is_there
        )
        self._is_there = True
