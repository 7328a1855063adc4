"""The files in a folder of checkpoints: which there are, which can be read, which are kept."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unidl.errors import CheckpointError, CheckpointWarning, FileError, UnidlError
from unidl.files import opened
from unidl.models import saving

NAME = re.compile(r"step-([0-9]{1,18})\.unidl")
SHOWN = 5  # files that an error tells of


class CheckpointFiles:
    """A folder of checkpoints, in which other processes may write and remove too.

    Args:
        directory: The folder; it need not be there yet.
        whole: Whether a file holds all of a training; else it is a model alone.
    """

    def __init__(self, directory: Path, whole: bool = True) -> None:
        self.directory = directory
        self.whole = whole
        # name of a file -> (inode, size, time, whether it can be read): each is looked at once
        self._known: dict[str, tuple[int, int, int, bool]] = {}

    def path_of(self, steps: int) -> Path:
        """The file of a step."""
        return self.directory / f"step-{steps:09}.unidl"

    def newest_first(self, beyond: int = -1) -> list[tuple[int, Path]]:
        """Steps and file of each checkpoint that has more steps than `beyond`."""
        try:
            names = os.listdir(self.directory)
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = [(int(match[1]), self.directory / name) for name in names if (match := NAME.fullmatch(name))]
        return sorted((one for one in found if one[0] > beyond and one[1].is_file()), reverse=True)

    @contextmanager
    def opened(self, path: Path, steps: int) -> Iterator[dict[str, Any]]:
        """The state in a checkpoint; its arrays are lazy, and can be read inside the block.

        Raises:
            FileError: It is damaged, foreign or gone, or not of the step in its name.
        """
        with saving.opened_training(path, "Checkpoint") as held:
            if held.get("steps_taken") != steps:
                raise FileError(
                    f"{path.name} is not of the step in its name.", received=f"{held.get('steps_taken')!r:.80}"
                )
            yield held

    def keep(self, count: int, written: Path, best: Collection[int] = ()) -> None:
        """Remove all that are older than so many good ones; `written` is known to be good, and stays.

        Args:
            count: How many.
            written: The newest.
            best: The steps of others that stay.
        """
        self._remember(written, True)
        kept = 0
        for steps, path in self.newest_first():
            if kept >= count and path != written:
                if steps in best:
                    continue
                path.unlink(missing_ok=True)  # another process may have been faster
            else:
                kept += self._is_good(path)

    def _remember(self, path: Path, good: bool) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._known[path.name] = (*_identity(path), good)

    def _is_good(self, path: Path) -> bool:
        try:
            identity = _identity(path)
        except FileNotFoundError:
            return False
        known = self._known.get(path.name)
        if known is not None and known[:3] == identity:
            return known[3]
        try:
            with saving.opened_training(path, "Checkpoint") if self.whole else opened(path, "Checkpoint"):
                good = True
        except FileError:
            good = False
        self._remember(path, good)
        return good

    def warn_of(self, bad: Mapping[str, UnidlError], then: str = ", so the one before is taken") -> None:
        """Warn, once, of files that are no use, if there are any."""
        if bad:
            name, error = next(iter(bad.items()))
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            warnings.warn(
                CheckpointWarning(
                    f"The checkpoint {str(self.directory / name)!r}{more} cannot be read{then}.\n{error}"
                ),
                stacklevel=2,
            )

    def none_is_good(self, bad: Mapping[str, UnidlError]) -> CheckpointError:
        """The error for a folder in which no file is of any use."""
        self.warn_of(bad, "")
        told = [f"{name}: {error}" for name, error in bad.items()]
        return CheckpointError(
            f"None of the checkpoints in {str(self.directory)!r} can be read.",
            received="\n".join(told[:SHOWN]) + (f"\nand {len(told) - SHOWN} more" if len(told) > SHOWN else ""),
            fix="Move them away and start again, or bring back a copy.",
        )


def _identity(path: Path) -> tuple[int, int, int]:
    """What changes when a file is written again."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
