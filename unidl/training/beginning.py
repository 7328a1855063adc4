"""Where a call of `fit` begins: with a new run, or with one that was stopped or killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from unidl.callbacks import Callback, Checkpoint
from unidl.data import Source
from unidl.errors import ArgumentError, DataError, FileError, MissingFileError, UnidlError, WeightError
from unidl.training import state
from unidl.training.progress import Progress
from unidl.training.saved import Saved

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


def begin(trainer: Trainer, source: Source, callbacks: Sequence[Callback], resume: bool) -> Progress:
    """The run to resume, or a new one; callbacks know of it.

    Raises:
        ArgumentError: There is nothing to resume.
        DataError: The run was begun with other data, or its source does not give the same batches again.
        CheckpointError: There are checkpoints, and none can be read.
    """
    before, run, held = trainer.progress, Progress(source.describe()), state.states_of(trainer.callbacks)
    checkpoints = [one for one in callbacks if isinstance(one, Checkpoint) and not one.weights_only]
    if resume and before is None and not checkpoints:
        raise ArgumentError(
            "There is nothing that fit(resume=True) could resume: this Trainer has not run yet.",
            fix='callbacks=[callbacks.Checkpoint("runs/a", every_steps=100)] keeps a run beyond its process.',
        )
    if resume:
        source.check_resumable()
    with ExitStack() as stack:
        # what ended with a loss that is not finite is no better than what was saved before
        taken = -1 if before is None or before.is_broken() else trainer.steps_taken
        usable = _usable(trainer, checkpoints, taken, run, stack) if resume else iter(())
        saved = next(usable, None)
        if resume and saved is None and before is not None:
            _same_data(before, run)
        trainer.callbacks, trainer.resuming = list(callbacks), resume
        trainer.progress = run
        for callback in callbacks:
            callback.on_start(trainer)
        if saved is not None:
            run = _restored(trainer, saved, usable)
        elif resume and before is not None:
            state.restore_callbacks(trainer.callbacks, held)
            trainer.progress = run = before
    if not run.is_at_end():
        run.stopped = None
    return run


def _usable(
    trainer: Trainer, checkpoints: Sequence[Checkpoint], taken: int, run: Progress, stack: ExitStack
) -> Iterator[Saved]:
    """The saved trainings that are whole and of this Trainer and this data, the newest first.

    Raises:
        UnidlError: There are some, and none is; of another model or other data it says so.
    """
    bad: dict[str, UnidlError] = {}
    found = [(steps, path, c.files) for c in checkpoints for steps, path in c.files.newest_first(taken)]
    last = None
    for steps, path, files in sorted(found, key=lambda one: one[0], reverse=True):
        last = files
        try:
            saved = state.prepare(trainer, stack.enter_context(files.opened(path, steps)))
            _same_data(saved.progress or Progress({}), run)
        except MissingFileError:  # another process kept newer ones
            continue
        except (FileError, ArgumentError, DataError, WeightError) as error:
            bad[path.name] = error
            continue
        files.warn_of(bad)
        yield saved
        bad[path.name] = FileError("A callback did not take its state.")
    other = [error for error in bad.values() if not isinstance(error, FileError)]
    if other:
        raise other[0]
    if bad and last is not None:
        raise last.none_is_good(bad)


def _restored(trainer: Trainer, saved: Saved, usable: Iterator[Saved]) -> Progress:
    """Restore the first of the saved trainings whose callbacks' states are whole too."""
    while True:
        try:
            state.commit(trainer, saved)
        except FileError as error:
            following = next(usable, None)
            if following is None:
                raise error
            saved = following
        else:
            assert trainer.progress is not None
            return trainer.progress


def _same_data(before: Progress, run: Progress) -> None:
    if before.data != run.data:
        raise DataError(
            "The run was begun with other data, and would not go on as if it had never stopped.",
            expected=str(before.data)[:500],
            received=str(run.data)[:500],
            fix="Give the same data, batch_size, shuffle and seed, or start a new run without resume=True.",
        )
