"""How much memory a process holds, as its kernel counts it."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_REFERENCES = Path("/proc/self/clear_refs")
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


class Growth:
    """By how much the resident set grows from now on, at its highest. Linux can forget an earlier peak; elsewhere it counts too."""

    def __init__(self) -> None:
        if os.access(_REFERENCES, os.W_OK):
            _REFERENCES.write_text("5")
        self._before = _now("VmRSS")

    def bytes(self) -> int:
        """At its highest so far."""
        return max(0, self.whole() - self._before)

    def whole(self) -> int:
        """The resident set at its highest so far, with what was there before."""
        return _now("VmHWM")


def _now(name: str) -> int:
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
