"""A measured process, seen from the one that compares: started, asked, waited for within a time, and ended with all that it started."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import unidl
from unidl.insight.comparison import Failure
from unidl.insight.comparisons.job import Way

GRACE = 20.0  # seconds to end by itself
_LOOK = 0.2  # seconds between two looks whether the process is still there

_START = (
    "import sys; sys.path.insert(0, {root!r}); import unidl; del sys.path[0]; "
    "from unidl.insight.comparisons.measured import main; main({job!r}, {way!r}, {log!r}, {read}, {write}, {alive}, {parent})"
)


class LostError(Exception):
    """A process has no more answers to give.

    Args:
        failure: Why.
        exit_code: The script's, where it came so far.
    """

    def __init__(self, failure: Failure, exit_code: int | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.exit_code = exit_code


class RefusedError(Exception):
    """A request came to nothing, and the process is still there."""


class Process:
    """One measured process.

    Args:
        job: File with the job.
        way: How the code runs in it.
        variables: Its environment.
        log: Where it writes what nobody asked to see.
        shown: Whether what it writes is shown until its script is over.
    """

    def __init__(self, job: Path, way: Way, variables: Mapping[str, str], log: Path, shown: bool) -> None:
        self.log = log
        self._buffer = b""
        self._ended = False
        theirs_read, mine_write = os.pipe()
        mine_read, theirs_write = os.pipe()
        alive, self._alive = os.pipe()  # it ends when this process does, however it does
        self._read, self._write = mine_read, mine_write
        code = _START.format(
            root=str(Path(unidl.__file__).parent.parent), job=str(job), way=dataclasses.asdict(way),
            log=str(log), read=theirs_read, write=theirs_write, alive=alive, parent=os.getpid(),
        )  # fmt: skip
        with log.open("ab") as file:
            self._popen = subprocess.Popen(
                [sys.executable, "-c", code],
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=None if shown else file,
                stderr=None if shown else file,
                pass_fds=(theirs_read, theirs_write, alive),
                start_new_session=True,  # so that all that it starts ends with it
            )
        for pipe in (theirs_read, theirs_write, alive):
            os.close(pipe)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    def ask(self, limit: float, **request: Any) -> dict[str, Any]:
        """Ask, and wait for the answer.

        Args:
            limit: Seconds, at most.
            **request: "do", and its arguments.

        Raises:
            RefusedError: It could not be done; the process goes on.
            LostError: The process died, was killed for the time it took, or ends because the code failed.
        """
        with contextlib.suppress(BrokenPipeError):  # that it is dead is told below
            os.write(self._write, json.dumps(request).encode() + b"\n")
        line = self._line(time.monotonic() + limit)
        if line is None:
            ended = self._popen.poll()
            self.kill()
            raise LostError(self._timeout(limit) if ended is None else self._death(ended))
        answer: dict[str, Any] = json.loads(line)
        if "found" in answer:
            found: dict[str, Any] = answer["found"]
            return found
        failure = Failure(**answer["error"])
        if request["do"] in ("run", "first"):
            self.end()
            raise LostError(failure, answer["exit_code"])
        raise RefusedError(f"{failure.kind}: {failure.message}")

    def _line(self, until: float) -> bytes | None:
        """The next line; None where the process died, or the time is over."""
        dead = False
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], _LOOK)
            if ready:
                got = os.read(self._read, 1 << 16)
                if not got:
                    self._popen.wait(GRACE)
                    return None
                self._buffer += got
            elif dead or time.monotonic() > until:
                return None
            else:
                dead = self._popen.poll() is not None  # once more: its last answer may be on the way
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _timeout(self, seconds: float) -> Failure:
        return Failure("Timeout", f"it did not end within {seconds:g} s and was killed", self._tail())

    def _death(self, code: int) -> Failure:
        if code < 0:
            name = signal.Signals(-code).name
            return Failure("Killed", f"its process was ended by {name}", self._tail())
        return Failure("Ended", f"its process ended with exit code {code} before its time", self._tail())

    def _tail(self) -> str:
        """The last lines of the log: a crash says there where it was."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-8000:] if self.log.exists() else ""

    def end(self) -> None:
        """Let it end by itself."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._write, b'{"do": "end"}\n')
        until = time.monotonic() + GRACE
        while (
            time.monotonic() < until
            and os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        ):
            time.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """End it and all that it started, now. Once: later its number may be somebody else's."""
        if self._ended:
            return
        self._ended = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        for pipe in (self._read, self._write, self._alive):
            if pipe >= 0:
                os.close(pipe)
        self._read = self._write = self._alive = -1
