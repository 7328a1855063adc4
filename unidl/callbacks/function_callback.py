"""Functions as a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.arguments import function, optional, positive
from unidl.callbacks.callback import GIVEN, Callback
from unidl.capture import told_arguments
from unidl.errors import ArgumentError
from unidl.subclass import check_function

Hook = Callable[..., Any]


class Lambda(Callback):
    """A callback made of functions, each named by its hook.

    Args:
        on_start: function(trainer).
        on_epoch_begin: function(trainer).
        on_batches: function(trainer, logs).
        on_steps: function(trainer, numbers), after each `every_steps` steps.
        on_validation_begin: function(trainer).
        on_validation_end: function(trainer, numbers).
        on_epoch_end: function(trainer, numbers).
        on_interrupt: function(trainer).
        on_exception: function(trainer, error).
        on_end: function(trainer).
        every_steps: After how many optimizer steps `on_steps` is called; None is each, where it is given.

    Raises:
        ForeignNameError: A function takes other arguments than its hook gives; the message has them.

    Example:
        >>> import numpy, unidl
        >>> x, seen = numpy.ones((8, 3), "float32"), []
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse")
        >>> each = unidl.callbacks.Lambda(on_epoch_begin=lambda trainer: seen.append(trainer.epoch))
        >>> h = t.fit(x, x[:, :1], epochs=3, callbacks=[each], progress=False)
        >>> seen
        [0, 1, 2]
    """

    @told_arguments
    def __init__(
        self,
        on_start: Hook | None = None,
        on_epoch_begin: Hook | None = None,
        on_batches: Hook | None = None,
        on_steps: Hook | None = None,
        on_validation_begin: Hook | None = None,
        on_validation_end: Hook | None = None,
        on_epoch_end: Hook | None = None,
        on_interrupt: Hook | None = None,
        on_exception: Hook | None = None,
        on_end: Hook | None = None,
        every_steps: int | None = None,
    ) -> None:
        given = {
            "on_start": on_start,
            "on_epoch_begin": on_epoch_begin,
            "on_batches": on_batches,
            "on_steps": on_steps,
            "on_validation_begin": on_validation_begin,
            "on_validation_end": on_validation_end,
            "on_epoch_end": on_epoch_end,
            "on_interrupt": on_interrupt,
            "on_exception": on_exception,
            "on_end": on_end,
        }
        every = optional(positive, self, "every_steps", every_steps)
        if every is not None and on_steps is None:
            raise ArgumentError(
                "Lambda: every_steps says how often on_steps is called, and there is none.",
                fix="Lambda(on_steps=lambda trainer, numbers: …, every_steps=…).",
            )
        self.every_steps = every or (None if on_steps is None else 1)
        for name, hook in given.items():
            if hook is not None:
                check_function("Lambda", name, function(self, name, hook), GIVEN[name])
                setattr(self, name, hook)  # looked for on the object before the class
