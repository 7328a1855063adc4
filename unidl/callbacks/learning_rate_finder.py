"""A learning-rate range test."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.arguments import flag, integer, number
from unidl.callbacks.callback import Callback
from unidl.capture import told_arguments
from unidl.errors import ArgumentError
from unidl.schedules import Constant

LEAST_FALL = 0.005  # of the loss: less is noise


class LearningRateFinder(Callback):
    """Learning-rate range test: find a learning rate before the first step of a run, and train with it.

    Some steps are taken with rates that grow from `min_lr` to `max_lr` by a constant factor, and taken back. The rate at which the
    loss falls fastest is the suggestion. `learning_rates` and `losses` have the steps, and `unidl.plot(finder)` draws them. A run that
    is resumed keeps the rate that was found.

    Args:
        min_lr: The first rate.
        max_lr: The last one.
        steps: How many steps there are.
        stop_factor: A loss of more than so many times the least one ends the test.
        update: Whether the optimizers get the rate; else `suggestion` has it, and the run goes on with theirs.

    Raises:
        ArgumentError: An optimizer has a schedule, or the test found no rate at which the loss falls.

    Example:
        >>> import numpy, unidl
        >>> x = numpy.random.default_rng(0).normal(size=(256, 3)).astype("float32")
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse", optimizer=unidl.optimizers.SGD(1e-6))
        >>> finder = unidl.callbacks.LearningRateFinder(min_lr=1e-5, max_lr=10.0)
        >>> h = t.fit(x, x.sum(1, keepdims=True), epochs=5, callbacks=[finder], progress=False)
        >>> 1e-4 < finder.suggestion < 1.0, h["loss"][-1] < 1.0
        (True, True)
    References: Smith (2015), Cyclical Learning Rates for Training Neural Networks, arXiv:1506.01186.
    """

    in_dev_run = False

    @told_arguments
    def __init__(
        self, min_lr: float = 1e-8, max_lr: float = 1.0, steps: int = 100, stop_factor: float = 4.0, update: bool = True
    ) -> None:
        self.min_lr = number(self, "min_lr", min_lr, above=0)
        self.max_lr = number(self, "max_lr", max_lr, above=self.min_lr)
        self.steps = integer(self, "steps", steps, 10, 10**6)
        self.stop_factor = number(self, "stop_factor", stop_factor, above=1)
        self.update = flag(self, "update", update)
        self.learning_rates = np.zeros(0)
        self.losses = np.zeros(0)
        self.suggestion: float | None = None

    def on_start(self, trainer: Any) -> None:
        """Forget what was found before."""
        self.learning_rates, self.losses, self.suggestion = np.zeros(0), np.zeros(0), None
        for name, optimizer in trainer.optimizers.items():
            if self.update and not isinstance(optimizer.learning_rate, Constant):
                raise ArgumentError(
                    f"LearningRateFinder cannot set the learning rate of the optimizer {name!r}, which has a schedule.",
                    expected="an optimizer with a number as its learning rate",
                    received=repr(optimizer.learning_rate),
                    fix="LearningRateFinder(update=False), and give the schedule its `suggestion`.",
                )

    def on_epoch_begin(self, trainer: Any) -> None:
        """The test, before the first step."""
        if self.suggestion is not None or trainer.progress.epochs or trainer.progress.position:
            return
        rates = np.geomspace(self.min_lr, self.max_lr, self.steps)
        self.losses = trainer._trial(rates, self.stop_factor)
        self.learning_rates = rates[: len(self.losses)]
        self.suggestion = self._steepest()
        if self.update:
            for optimizer in trainer.optimizers.values():
                optimizer.learning_rate = self.suggestion
        trainer._say(f"LearningRateFinder: the loss falls fastest at a learning rate of {self.suggestion:.3g}")

    def smoothed(self) -> np.ndarray:
        """A running mean of the losses over a tenth of the steps on each side, (steps,), up to one that is not finite."""
        losses = (
            self.losses[: np.argmin(np.isfinite(self.losses))] if not np.isfinite(self.losses).all() else self.losses
        )
        width = self.steps // 10
        weights = np.minimum(np.arange(1, 2 * width), np.arange(2 * width - 1, 0, -1)).astype("float64")  # a triangle
        padded = np.convolve(losses, weights)[width - 1 : width - 1 + len(losses)]
        return padded / np.convolve(np.ones(len(losses)), weights)[width - 1 : width - 1 + len(losses)]

    def _steepest(self) -> float:
        """The rate at which the smoothed loss falls fastest on its way to its least value."""
        losses = self.smoothed()
        first = self.steps // 10  # the mean of fewer losses says little
        least = int(np.argmin(losses)) if len(losses) else 0
        if least <= first or losses[least] > (1 - LEAST_FALL) * losses[first]:
            raise ArgumentError(
                "LearningRateFinder found no learning rate at which the loss falls.",
                expected="a loss that falls somewhere between min_lr and max_lr",
                received=f"{len(losses)} steps, losses {losses[:1].round(6).tolist()} to {losses[-1:].round(6).tolist()}",
                fix="LearningRateFinder(min_lr=…, max_lr=…, steps=…) with a wider range or more steps.",
            )
        return float(self.learning_rates[first + int(np.argmin(np.gradient(losses)[first:least]))])

    def state(self) -> dict[str, Any]:
        """What was found."""
        return {"learning_rates": self.learning_rates, "losses": self.losses, "suggestion": self.suggestion}

    def restore(self, state: dict[str, Any]) -> None:
        """Keep what was found: the optimizers' rates are part of the Trainer's state."""
        self.learning_rates, self.losses = (np.asarray(state[n], "float64") for n in ("learning_rates", "losses"))
        self.suggestion = None if state["suggestion"] is None else float(state["suggestion"])
