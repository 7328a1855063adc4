"""A run's callbacks: who is called when, in which order, and what an error of theirs says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.callbacks import Callback, Checkpoint
from unidl.training.step_logs import StepLogs

if TYPE_CHECKING:
    from unidl.training.bar import Bar
    from unidl.training.trainer import Trainer


class Hooks:
    """Calls callbacks in the order in which they were given, checkpoints after all others.

    Args:
        trainer: What each of them is given.
        callbacks: The run's.
    """

    def __init__(self, trainer: Trainer, callbacks: Sequence[Callback]) -> None:
        self.trainer = trainer
        self.callbacks = sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoint))
        self._reads_steps = [c for c in self.callbacks if _defines(c, "on_batches")]

    @contextmanager
    def shown_by(self, bar: Bar) -> Iterator[None]:
        """Inside, what callbacks say is shown there, and steps log what callbacks want of them."""
        trainer, engine = self.trainer, self.trainer.engine
        trainer._bar, engine.logs_gradient_norms = bar, any(c.logs_gradient_norms for c in self.callbacks)
        try:
            yield
        finally:
            trainer._bar, engine.logs_gradient_norms = None, False

    def call(self, hook: str, *given: Any) -> None:
        """Call a hook of every callback."""
        for callback in self.callbacks:
            self._call(callback, hook, *given)

    def call_all(self, hook: str, *given: Any) -> None:
        """Call a hook of every callback, of those too that stand behind one that raises: what is open is closed."""
        raised: list[Exception] = []
        for callback in self.callbacks:
            try:
                getattr(callback, hook)(self.trainer, *given)
            except Exception as error:  # noqa: BLE001  # raised below, once all were called
                raised.append(error)
        if raised:
            raise raised[0]

    def end(self) -> None:
        """The run is at its end."""
        for callback in self.callbacks:
            callback.on_end(self.trainer)

    def batches(self, numbers: dict[str, np.ndarray], sizes: list[int]) -> None:
        """Some steps were taken and their numbers read: those who want the numbers of all steps get them."""
        if self._reads_steps:
            logs = StepLogs(numbers, sizes, self.trainer.steps_taken)
            for callback in self._reads_steps:
                self._call(callback, "on_batches", logs)

    def steps_until_due(self) -> list[int]:
        """After how many steps each callback that declares `every_steps` wants control."""
        taken = self.trainer.steps_taken
        return [every - taken % every for c in self.callbacks if (every := c.every_steps)]

    def due(self) -> tuple[list[Callback], list[Callback]]:
        """Who wants control now: all but checkpoints, and checkpoints."""
        found = [c for c in self.callbacks if c.every_steps and self.trainer.steps_taken % c.every_steps == 0]
        kept: list[Callback] = [callback for callback in found if isinstance(callback, Checkpoint)]
        return found[: len(found) - len(kept)], kept

    def steps(self, callbacks: Sequence[Callback], numbers: dict[str, float]) -> None:
        """Call these with the numbers of the last step."""
        for callback in callbacks:
            self._call(callback, "on_steps", numbers)

    def checkpoint(self, other_than: Callback | None = None) -> Checkpoint | None:
        """The first checkpoint from which a run can be resumed."""
        kept = (c for c in self.callbacks if isinstance(c, Checkpoint) and not c.weights_only)
        return next((c for c in kept if c is not other_than), None)

    def _call(self, callback: Callback, hook: str, *given: Any) -> None:
        with self._at_fault(callback, hook):
            getattr(callback, hook)(self.trainer, *given)

    @contextmanager
    def _at_fault(self, callback: Callback, hook: str) -> Iterator[None]:
        """What a callback raises says where the run stands, and how to go on with it."""
        try:
            yield
        except Exception as error:
            saved = self.checkpoint(other_than=callback)
            kept = (
                f"; in another process, from the newest checkpoint in {str(saved.directory)!r}"
                if saved is not None
                else ""
            )
            error.add_note(
                f"{type(callback).__name__}.{hook} raised it after step {self.trainer.steps_taken}, which was taken whole. "
                f"fit(…, resume=True) on this Trainer goes on from there{kept}."
            )
            raise


def _defines(callback: Callback, hook: str) -> bool:
    """Whether a callback has a hook of its own, on its class or on the object."""
    return getattr(type(callback), hook) is not getattr(Callback, hook) or hook in vars(callback)
