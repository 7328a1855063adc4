"""What a callback is."""

from __future__ import annotations

from typing import Any

from unidl.callbacks.monitor import Monitor
from unidl.capture import told_arguments
from unidl.subclass import check_methods, check_signatures

# what the Trainer gives each method
GIVEN = {
    "on_start": ("trainer",),
    "on_epoch_begin": ("trainer",),
    "on_batches": ("trainer", "logs"),
    "on_steps": ("trainer", "numbers"),
    "on_validation_begin": ("trainer",),
    "on_validation_end": ("trainer", "numbers"),
    "on_epoch_end": ("trainer", "numbers"),
    "on_interrupt": ("trainer",),
    "on_exception": ("trainer", "error"),
    "on_end": ("trainer",),
    "state": (),
    "restore": ("state",),
}


class Callback:
    """Called by the Trainer; a subclass defines what it needs.

    Each method gets the Trainer, which has `model`, `epoch`, `steps_taken`, `optimizers`, whose learning rates may be set,
    and `stop(reason)`.
    """

    @told_arguments
    def __init__(self) -> None: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse other frameworks' hooks and signatures, which would never be called or be given something else.

        Raises:
            ForeignNameError: It names ours.
        """
        super().__init_subclass__(**kwargs)
        check_methods(cls, Callback, hooks="on_")
        check_signatures(cls, Callback, GIVEN)

    # after how many optimizer steps on_steps is called; None: never, and many steps may be one call of the framework
    every_steps: int | None = None
    # whether fit(fast_dev_run=…) calls it: not what writes files, or ends a run by its numbers
    in_dev_run: bool = True
    # whether each step logs the norms of its gradients (see GradientNorms)
    logs_gradient_norms: bool = False
    watches: Monitor | None = None  # the number of an epoch that it needs, looked for before the first step

    def on_start(self, trainer: Any) -> None:
        """Before the first epoch of a `fit`, or before it resumes one."""

    def on_epoch_begin(self, trainer: Any) -> None:
        """Before the first step of an epoch; also where a run is resumed within one (`trainer.progress.position` steps of it are taken)."""

    def on_batches(self, trainer: Any, logs: Any) -> None:
        """After some optimizer steps, with the logs of each: every step is in one call of this hook.

        It costs no call a step: it is called whenever the loop returns control, at least about every 0.2 seconds. The weights are
        those after the last of the steps.

        Args:
            trainer: The Trainer.
            logs: Name -> array (steps,). `logs.steps` has their numbers, counted as `trainer.steps_taken`, `logs.sizes` the
                examples in their batches.
        """

    def on_steps(self, trainer: Any, numbers: dict[str, float]) -> None:
        """After each `every_steps` optimizer steps, with the numbers of the last one.

        For what reads or sets weights, or the learning rate, at that step. With `every_steps = 1` each step is a call of the
        framework.
        """

    def on_validation_begin(self, trainer: Any) -> None:
        """Before the validation data is evaluated, after an epoch's last step."""

    def on_validation_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """After it, with its numbers: "val_loss" and others."""

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """After an epoch, with its numbers. What is added to the dict is in the history."""

    def on_interrupt(self, trainer: Any) -> None:
        """When the run ends before its time: Ctrl-C, or data that could not be read. The last step was taken whole."""

    def on_exception(self, trainer: Any, error: Exception) -> None:
        """When something in the run raises: the data, a step, another callback. The error is raised again afterwards."""

    def on_end(self, trainer: Any) -> None:
        """After the last epoch."""

    def state(self) -> dict[str, Any]:
        """What a run that is gone on with must know: a dict of numbers, texts, arrays, and lists and dicts of these."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave; called after on_start."""
