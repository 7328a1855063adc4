"""The learning rates that optimizers had in their last steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unidl.optimizers.optimizer import Optimizer
from unidl.schedules import Constant


def past_rates(optimizers: Mapping[str, Optimizer], taken: Mapping[str, int], steps: int) -> dict[str, np.ndarray]:
    """The learning rate of each of the last steps, (steps,) for each optimizer; it must not have been set since.

    Args:
        optimizers: By name.
        taken: An optimizer's name -> steps that it took.
        steps: How many.
    """
    found = {}
    for name, optimizer in optimizers.items():
        last, schedule = taken.get(name, 0), optimizer.learning_rate
        rates = [schedule(last)] * steps if isinstance(schedule, Constant) else map(schedule, range(last - steps, last))
        found[name] = np.fromiter(rates, "float64", steps)
    return found
