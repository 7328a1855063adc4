"""Checkpoints: a run that is killed goes on."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unidl.arguments import optional, positive
from unidl.callbacks.callback import Callback
from unidl.callbacks.checkpoint_files import CheckpointFiles
from unidl.capture import told_arguments
from unidl.errors import CheckpointError, CheckpointWarning, FileError, MissingFileError, UnidlError
from unidl.files import checked_path, remove_abandoned
from unidl.graph.node import map_nest
from unidl.lazy_array import whole


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
        self.files = CheckpointFiles(self.directory)

    def on_start(self, trainer: Any) -> None:
        """Make the folder, and see that it can be written to before anything is trained."""
        left = self.files.newest_first()
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
        path = self.files.path_of(trainer.steps_taken)
        trainer.save(path)
        self.files.keep(self.keep, path)
        return path

    def newest(self, beyond: int = -1) -> Mapping[str, Any] | None:
        """The newest state that can be read and has more steps than `beyond`; None where there is no checkpoint.

        Raises:
            CheckpointError: There are checkpoints, and none can be read.
        """
        bad: dict[str, UnidlError] = {}
        for steps, path in self.files.newest_first(beyond):
            try:
                with self.files.opened(path, steps) as held:
                    found: Mapping[str, Any] = map_nest(whole, held)
            except MissingFileError:  # another process kept newer ones
                continue
            except FileError as error:
                bad[path.name] = error
                continue
            self.files.warn_of(bad)
            return found
        if bad:
            raise self.files.none_is_good(bad)
        return None

    def _try(self, trainer: Any) -> None:
        try:
            self.save(trainer)
        except OSError as error:
            before = next((path.name for _, path in self.files.newest_first()), "none")
            warnings.warn(
                CheckpointWarning(
                    f"The checkpoint of step {trainer.steps_taken} could not be written to {str(self.directory)!r} "
                    f"({type(error).__name__}: {error}). Training goes on; the last good one is {before}."
                ),
                stacklevel=2,
            )
