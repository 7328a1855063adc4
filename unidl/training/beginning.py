"""Where a call of `fit` begins: with a new run, or with one that was stopped or killed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unidl.callbacks import Callback, Checkpoint
from unidl.data import Source
from unidl.errors import ArgumentError, DataError
from unidl.training import state
from unidl.training.progress import ASKED, Progress

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


def begin(trainer: Trainer, source: Source, callbacks: Sequence[Callback], resume: bool) -> Progress:
    """The run to go on with, or a new one; callbacks know of it."""
    before, run, held = trainer.progress, Progress(source.describe()), state.states_of(trainer.callbacks)
    checkpoints = [callback for callback in callbacks if isinstance(callback, Checkpoint)]
    if resume and before is None and not checkpoints:
        raise ArgumentError(
            "There is nothing that fit(resume=True) could go on from: this Trainer has not run yet.",
            fix='callbacks=[callbacks.Checkpoint("runs/a", every_steps=100)] keeps a run beyond its process.',
        )
    saved = None
    if resume:  # what ended with a number that is none is no better than what was saved before
        taken = -1 if before is None or before.is_broken() else trainer.steps_taken
        found = [kept for c in checkpoints if (kept := c.newest(taken)) is not None]
        saved = max(found, key=lambda kept: int(kept["steps_taken"]), default=None)
    begun = saved["progress"]["data"] if saved is not None else before.data if resume and before is not None else None
    if begun is not None and begun != run.data:
        raise DataError(
            "The run was begun with other data, and would not go on as if it had never stopped.",
            expected=str(begun),
            received=str(run.data),
            fix="Give the same data, batch_size, shuffle and seed, or begin a new run without resume=True.",
        )
    trainer.callbacks, trainer.resuming = list(callbacks), resume
    trainer.progress = run
    for callback in callbacks:
        callback.on_start(trainer)
    if saved is not None:
        state.write(trainer, saved)
        run = trainer.progress
    elif resume and before is not None:
        state.restore_callbacks(trainer.callbacks, held)
        trainer.progress = run = before
    if run.stopped != ASKED:  # a run that a callback ended is at its end
        run.stopped = None
    return run
