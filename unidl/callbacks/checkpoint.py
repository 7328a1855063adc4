"""Checkpoints: of the newest steps, to resume from, and of the best epochs."""

from __future__ import annotations

import math
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unidl.arguments import flag, optional, positive
from unidl.callbacks.callback import Callback
from unidl.callbacks.checkpoint_files import CheckpointFiles
from unidl.callbacks.monitor import Monitor
from unidl.capture import told_arguments
from unidl.errors import ArgumentError, CheckpointError, CheckpointWarning, FileError, MissingFileError, UnidlError
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
        keep: How many of the newest are kept; with `monitor` as many of the best beside them.
        monitor: A number of the epochs, "val_loss": the model of the epoch where it is best is in "best.unidl" too, written whenever
            it improves. None keeps none for its number.
        mode: "min" or "max" of `monitor`; None knows it of a loss and of accuracy, and raises an error for another number.
        weights_only: Whether the files hold the model alone. They are smaller, and no run can be resumed from them.

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
        self,
        directory: str | os.PathLike[str],
        every_steps: int | None = None,
        every_epochs: int = 1,
        keep: int = 2,
        monitor: str | None = None,
        mode: str | None = None,
        weights_only: bool = False,
    ) -> None:
        self.directory = checked_path(directory, "Checkpoint")
        self.every_steps = optional(positive, self, "every_steps", every_steps)
        self.every_epochs = positive(self, "every_epochs", every_epochs)
        self.keep = positive(self, "keep", keep)
        if mode is not None and monitor is None:
            raise ArgumentError(
                "Checkpoint: mode says which way the number that is monitored goes, and there is no monitor.",
                fix='Checkpoint(directory, monitor="val_loss", mode="min").',
            )
        self.monitor = self.watches = None if monitor is None else Monitor(self, monitor, mode)
        self.weights_only = flag(self, "weights_only", weights_only)
        self.files = CheckpointFiles(self.directory, whole=not self.weights_only)
        self.scores: dict[int, float] = {}  # steps -> the number that is monitored, of the best epochs

    in_dev_run = False

    @property
    def best_path(self) -> Path:
        """The file with the best model so far."""
        return self.directory / "best.unidl"

    @property
    def best(self) -> float | None:
        """The best value of `monitor` so far; None before there is one."""
        return self.scores[self._ranked()[0]] if self.scores else None

    def _ranked(self) -> list[int]:
        """The steps at the ends of the best epochs, the best first, of equal ones the earliest."""
        largest = self.monitor is not None and self.monitor.larger_is_better(self.monitor.given or "")
        return sorted(self.scores, key=lambda steps: (-self.scores[steps] if largest else self.scores[steps], steps))

    def on_start(self, trainer: Any) -> None:
        """Make the folder, and see that it can be written to before anything is trained."""
        self.scores = {}
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
        """Write one, if it is time or the best one so far."""
        value = None if self.monitor is None else self.monitor.value(numbers)
        if value is not None and not math.isnan(value):
            steps = trainer.steps_taken
            self.scores[steps] = value
            ranked = self._ranked()
            self.scores = {one: self.scores[one] for one in ranked[: self.keep]}
            if ranked[0] == steps:
                self._try(trainer, self.best_path)
            if steps in self.scores:
                self._try(trainer)
                return
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
        self._write(trainer, path)
        self.files.keep(self.keep, path, self.scores)
        return path

    def _write(self, trainer: Any, path: Path) -> None:
        if self.weights_only:
            trainer.model.save(path)
        else:
            trainer.save(path)

    def state(self) -> dict[str, Any]:
        """The best epochs so far."""
        return {} if self.monitor is None else {"scores": [[steps, value] for steps, value in self.scores.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with them."""
        self.scores = {int(steps): float(value) for steps, value in state.get("scores", [])}

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

    def _try(self, trainer: Any, path: Path | None = None) -> None:
        """Write to a path, or a checkpoint of this step; what cannot be written is a warning."""
        try:
            if path is None:
                self.save(trainer)
            else:
                self._write(trainer, path)
        except OSError as error:
            before = next((path.name for _, path in self.files.newest_first()), "none")
            warnings.warn(
                CheckpointWarning(
                    f"The checkpoint of step {trainer.steps_taken} could not be written to {str(self.directory)!r} "
                    f"({type(error).__name__}: {error}). Training goes on; the last good one is {before}."
                ),
                stacklevel=2,
            )
