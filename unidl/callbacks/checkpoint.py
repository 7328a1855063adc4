"""Checkpoints: a run that is killed goes on."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unidl.arguments import optional, positive
from unidl.callbacks.callback import Callback
from unidl.capture import told_arguments
from unidl.errors import CheckpointError, CheckpointWarning, FileError, MissingFileError, UnidlError
from unidl.files import checked_path, remove_abandoned
from unidl.graph.node import map_nest
from unidl.lazy_array import whole
from unidl.models import saving

NAME = re.compile(r"step-([0-9]{1,18})\.unidl")
SHOWN = 5  # files that an error tells of


class Checkpoint(Callback):
    """Keep all that a run needs to go on with, in a folder: `fit(…, callbacks=[Checkpoint("runs/a")], resume=True)`.

    A run that was killed at any moment and begun again so ends with the weights, to the bit, of one that never stopped (on the
    same machine, with the same threads and versions). A checkpoint is a model file too: `unidl.load` reads it, for any backend.

    It is written aside, flushed to the disk, and renamed, with a checksum of each entry. Where a later one cannot be written (a
    full disk) a warning says so, the one before stays, and training goes on; the end of the run is an error then.

    Args:
        directory: The folder; it is made. One folder for each run.
        every_steps: Optimizer steps between two checkpoints; None writes at the ends of epochs alone.
        every_epochs: Epochs between two checkpoints at their ends.
        keep: How many of the newest are kept.

    Raises:
        CheckpointError: The folder cannot be written to, or none of the checkpoints in it can be read.

    Example:
        >>> import numpy, tempfile, unidl
        >>> x = numpy.ones((8, 3), "float32")
        >>> def run(epochs):
        ...     t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse", backend="torch")
        ...     keep = unidl.callbacks.Checkpoint(folder)
        ...     h = t.fit(x, x[:, :1], epochs=epochs, callbacks=[keep], resume=True, progress=False)
        ...     return len(h.epochs), t.steps_taken
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run(2), run(5)  # the second goes on behind the first
        ((2, 2), (5, 5))
    """

    @told_arguments
    def __init__(
        self, directory: str | os.PathLike[str], every_steps: int | None = None, every_epochs: int = 1, keep: int = 2
    ) -> None:
        self.directory = checked_path(directory, "Checkpoint")
        self.every_steps = optional(positive, self, "every_steps", every_steps)
        self.every_epochs = positive(self, "every_epochs", every_epochs)
        self.keep = positive(self, "keep", keep)
        self._failed: OSError | None = None
        # name of a file -> (inode, size, time, whether it can be read): what was found out of each
        self._known: dict[str, tuple[int, int, int, bool]] = {}

    def on_start(self, trainer: Any) -> None:
        """Make the folder, and see that it can be written to before anything is trained."""
        self._failed = None
        left = self._files()
        if left and not trainer.resuming and left[0][0] > trainer.steps_taken:
            raise CheckpointError(
                f"{str(self.directory)!r} has checkpoints of another run (the newest is {left[0][1].name}), and this one begins.",
                expected="an empty folder, or fit(…, resume=True) to resume that run",
                fix="Choose another folder, or move the old checkpoints away.",
            )
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            remove_abandoned(self.directory)
            with tempfile.TemporaryFile(dir=self.directory) as probe:
                probe.write(b"x")
        except OSError as error:
            raise CheckpointError(
                f"Checkpoints cannot be written to {str(self.directory)!r}; nothing was trained.",
                expected="a folder that is there, or can be made, with room and the right to write",
                received=f"{type(error).__name__}: {error}",
                fix="Choose another folder: Checkpoint(directory).",
            ) from error

    def on_steps(self, trainer: Any, numbers: dict[str, float]) -> None:
        """Write one."""
        self._try(trainer)

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """Write one, if it is time."""
        if len(trainer.progress.epochs) % self.every_epochs == 0:
            self._try(trainer)

    def on_interrupt(self, trainer: Any) -> None:
        """Write one, so that nothing is lost."""
        self._try(trainer)

    def on_end(self, trainer: Any) -> None:
        """Write the end of the run: what other callbacks made of the weights, and what could not be written before.

        Raises:
            CheckpointError: It cannot be written. The Trainer has all of it: `trainer.model.save` may go elsewhere.
        """
        if trainer.progress.is_broken():
            return
        try:
            self.save(trainer)
        except OSError as error:
            raise CheckpointError(
                f"The run is at its end, and its last state could not be written to {str(self.directory)!r}.",
                expected="room and the right to write",
                received=f"{type(error).__name__}: {error}",
                fix="The Trainer still holds the model: trainer.model.save(path) writes it elsewhere.",
            ) from error

    def save(self, trainer: Any) -> Path:
        """Write a checkpoint now, and remove those that are no longer kept.

        Only files that can be read count as kept: a damaged one is left where it is, and no good one goes for it.

        Returns:
            The file.

        Raises:
            OSError: It cannot be written; what was there is as it was.
        """
        path = self.directory / f"step-{trainer.steps_taken:09}.unidl"
        trainer.save(path)
        self._failed = None
        self._remember(path, True)
        kept = 0
        for _, old in self._files():
            if kept >= self.keep and old != path:
                old.unlink(missing_ok=True)  # another process may have been faster
            else:
                kept += self._is_good(old)
        return path

    def _remember(self, path: Path, good: bool) -> None:
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            self._known[path.name] = (found.st_ino, found.st_size, found.st_mtime_ns, good)

    def _is_good(self, path: Path) -> bool:
        """Whether a file can be read. Each is looked at once: what this run wrote, or read, is known."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        known = self._known.get(path.name)
        if known is None or known[:3] != (found.st_ino, found.st_size, found.st_mtime_ns):
            try:
                with saving.opened_training(path, "Checkpoint"):
                    good = True
            except FileError:
                good = False
            self._remember(path, good)
            return good
        return known[3]

    def candidates(self, beyond: int = -1) -> list[tuple[int, Path]]:
        """The steps and files of the checkpoints that have more steps than `beyond`, the newest first."""
        return [(steps, path) for steps, path in self._files() if steps > beyond]

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

    def newest(self, beyond: int = -1) -> Mapping[str, Any] | None:
        """The newest state that can be read and has more steps than `beyond`; None where there is no checkpoint.

        Raises:
            CheckpointError: There are checkpoints, and none can be read.
        """
        bad: dict[str, UnidlError] = {}
        for steps, path in self.candidates(beyond):
            try:
                with self.opened(path, steps) as held:
                    found: Mapping[str, Any] = map_nest(whole, held)
            except MissingFileError:  # another process kept newer ones
                continue
            except FileError as error:
                bad[path.name] = error
                continue
            self.passed_over(bad)
            return found
        if bad:
            raise self.none_left(bad)
        return None

    def passed_over(self, bad: Mapping[str, UnidlError], then: str = ", so the one before is taken") -> None:
        """Warn, once, of newer files that were no use."""
        if bad:
            name, error = next(iter(bad.items()))
            more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            warnings.warn(
                CheckpointWarning(
                    f"The checkpoint {str(self.directory / name)!r}{more} cannot be read{then}.\n{error}"
                ),
                stacklevel=2,
            )

    def none_left(self, bad: Mapping[str, UnidlError]) -> CheckpointError:
        """The error for a folder in which no file is of any use."""
        self.passed_over(bad, "")
        told = [f"{name}: {error}" for name, error in bad.items()]
        return CheckpointError(
            f"None of the checkpoints in {str(self.directory)!r} can be read.",
            received="\n".join(told[:SHOWN]) + (f"\nand {len(told) - SHOWN} more" if len(told) > SHOWN else ""),
            fix="Move them away and start again, or bring back a copy.",
        )

    def _files(self) -> list[tuple[int, Path]]:
        """The checkpoints, the newest first."""
        try:
            names = os.listdir(self.directory)
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = [(NAME.fullmatch(name), self.directory / name) for name in names]
        return sorted(((int(match[1]), path) for match, path in found if match and path.is_file()), reverse=True)

    def _try(self, trainer: Any) -> None:
        try:
            self.save(trainer)
        except OSError as error:
            self._failed = error
            before = next((path.name for _, path in self._files()), "none")
            warnings.warn(
                CheckpointWarning(
                    f"The checkpoint of step {trainer.steps_taken} could not be written to {str(self.directory)!r} "
                    f"({type(error).__name__}: {error}). Training goes on; the last good one is {before}."
                ),
                stacklevel=2,
            )
