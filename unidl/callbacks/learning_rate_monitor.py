"""The learning rate of each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.callbacks.callback import Callback
from unidl.capture import told_arguments
from unidl.optimizers.past_rates import past_rates


class LearningRateMonitor(Callback):
    """Keep the learning rate of each step.

    `learning_rates` has an array (steps,) for each optimizer by its name, "main" where there is one; the history has the rate of
    each epoch's last step.

    Example:
        >>> import numpy, unidl
        >>> x = numpy.ones((8, 3), "float32")
        >>> rate = unidl.schedules.Cosine(1.0, steps=4)
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse", optimizer=unidl.optimizers.SGD(rate))
        >>> monitor = unidl.callbacks.LearningRateMonitor()
        >>> h = t.fit(x, x[:, :1], epochs=2, batch_size=4, callbacks=[monitor], progress=False)
        >>> monitor.learning_rates["main"].round(2).tolist()
        [1.0, 0.85, 0.5, 0.15]
    """

    @told_arguments
    def __init__(self) -> None:
        self._parts: dict[str, list[np.ndarray]] = {}

    @property
    def learning_rates(self) -> dict[str, np.ndarray]:
        """Name of an optimizer -> the rates of all steps of the run, (steps,)."""
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}

    def on_start(self, trainer: Any) -> None:
        """Begin."""
        self._parts = {name: [np.zeros(0)] for name in trainer.optimizers}

    def on_batches(self, trainer: Any, logs: Any) -> None:
        """The rates of the steps that were taken: they were set before these."""
        for name, rates in past_rates(trainer.optimizers, trainer.engine.steps_of, len(logs.steps)).items():
            self._parts[name].append(rates)

    def state(self) -> dict[str, Any]:
        """The rates so far."""
        return self.learning_rates

    def restore(self, state: dict[str, Any]) -> None:
        """Go on behind them."""
        self._parts = {name: [np.asarray(state[name], "float64")] for name in self._parts}
