"""A learning rate that follows a metric."""

from __future__ import annotations

from typing import Any

from unidl.arguments import LARGEST_SIZE, integer, number
from unidl.callbacks.callback import Callback
from unidl.callbacks.monitor import Monitor
from unidl.capture import told_arguments
from unidl.errors import ArgumentError
from unidl.schedules import Constant


class ReduceLROnPlateau(Callback):
    """Multiply the learning rate by a factor when a number has not improved for some epochs.

    Every optimizer of the Trainer gets the new rate, at the end of an epoch. A resumed run has the rate that it was stopped with.

    Args:
        monitor: The number's name; None is "val_loss" where there is validation data, else "loss".
        factor: The new learning rate is the old one times this.
        patience: Epochs without a better number before it is reduced.
        min_delta: How much better it must be, in the number's units.
        cooldown: Epochs after a reduction in which none is counted.
        min_lr: The least learning rate.
        mode: "min" or "max"; None knows it of a loss and of accuracy, and raises an error for another number.

    Raises:
        ArgumentError: At the beginning of `fit`, where an optimizer has a schedule, which sets each step's rate itself.

    Example:
        >>> import numpy, unidl
        >>> x = numpy.ones((8, 3), "float32")
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse", optimizer=unidl.optimizers.SGD(0.0))
        >>> t.optimizers["main"].learning_rate = 1e-9  # too small to improve anything
        >>> plateau = unidl.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=1e-3)
        >>> h = t.fit(x, x[:, :1], epochs=3, callbacks=[plateau], progress=False)
        >>> t.optimizers["main"].learning_rate(0)
        2.5e-10
    Where the frameworks differ: Keras' patience counts epochs without improvement before the rate is reduced, torch's reduces it one
    epoch later; unidl's is Keras'. Keras counts the last epoch of a cooldown, torch and unidl do not. Keras' min_delta is absolute, torch's threshold relative; unidl's is absolute.
    """

    @told_arguments
    def __init__(
        self,
        monitor: str | None = None,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        mode: str | None = None,
    ) -> None:
        self.monitor = self.watches = Monitor(self, monitor, mode, min_delta)
        self.factor = number(self, "factor", factor, above=0, below=1)
        self.patience = integer(self, "patience", patience, 0, LARGEST_SIZE)
        self.cooldown = integer(self, "cooldown", cooldown, 0, LARGEST_SIZE)
        self.min_lr = number(self, "min_lr", min_lr, least=0)
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self.waited = 0
        self.cooling = 0  # epochs of the cooldown that are left

    def on_start(self, trainer: Any) -> None:
        """Forget what was before."""
        self._begin()
        for name, optimizer in trainer.optimizers.items():
            if not isinstance(optimizer.learning_rate, Constant):
                raise ArgumentError(
                    f"ReduceLROnPlateau cannot change the learning rate of the optimizer {name!r}, which a schedule sets.",
                    expected="an optimizer with a number as its learning rate",
                    received=repr(optimizer.learning_rate),
                    fix="Give the optimizer a number, or leave ReduceLROnPlateau out.",
                )

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """Compare with the best so far."""
        value = self.monitor.value(numbers)
        if value is None:
            return
        name = self.monitor.name(numbers)
        better = self.monitor.is_better(value, self.best, name)
        if better:
            self.best = value
        if better or self.cooling:
            self.waited, self.cooling = 0, max(self.cooling - 1, 0)
        else:
            self.waited += 1
            if self.waited >= self.patience:
                self._reduce(trainer, name)
                self.cooling, self.waited = self.cooldown, 0

    def _reduce(self, trainer: Any, name: str) -> None:
        for which, optimizer in trainer.optimizers.items():
            before = optimizer.learning_rate(0)
            after = max(before * self.factor, self.min_lr)
            if after < before:
                optimizer.learning_rate = after
                of = "" if len(trainer.optimizers) == 1 else f" of {which!r}"
                trainer._say(
                    f"ReduceLROnPlateau: {name!r} does not improve; the learning rate{of} is {after:.6g} from now on"
                )

    def state(self) -> dict[str, Any]:
        """The best so far, and how long ago."""
        return {"best": self.best, "waited": self.waited, "cooling": self.cooling}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume with it."""
        self.best = None if state["best"] is None else float(state["best"])
        self.waited, self.cooling = int(state["waited"]), int(state["cooling"])
