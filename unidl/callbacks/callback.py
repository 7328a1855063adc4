"""What a callback is."""

from __future__ import annotations

from typing import Any

from unidl.capture import told_arguments
from unidl.subclass import check_methods, check_signatures

# what the Trainer gives each method
GIVEN = {
    "on_start": ("trainer",),
    "on_steps": ("trainer", "numbers"),
    "on_epoch_end": ("trainer", "numbers"),
    "on_interrupt": ("trainer",),
    "on_end": ("trainer",),
    "state": (),
    "restore": ("state",),
}


class Callback:
    """Called by the Trainer; a subclass defines what it needs.

    Each method gets the Trainer, which has `model`, `epoch`, `steps_taken` and `stop()`.
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

    every_steps: int | None = (
        None  # after how many optimizer steps on_steps is called; None: never, and the run is not held up
    )

    def on_start(self, trainer: Any) -> None:
        """Before the first epoch of a `fit`, or before it goes on with one."""

    def on_steps(self, trainer: Any, numbers: dict[str, float]) -> None:
        """After each `every_steps` optimizer steps, with the numbers of the last one."""

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """After an epoch, with its numbers."""

    def on_interrupt(self, trainer: Any) -> None:
        """When the run ends before its time: Ctrl-C, or data that could not be read. The last step was taken whole."""

    def on_end(self, trainer: Any) -> None:
        """After the last epoch."""

    def state(self) -> dict[str, Any]:
        """What a run that is gone on with must know: a dict of numbers, texts, arrays, and lists and dicts of these."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave; called after on_start."""
