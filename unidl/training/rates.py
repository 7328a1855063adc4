"""The learning rates of a Trainer's optimizers: computed on the host in float64, from the steps that each has taken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unidl.arguments import number
from unidl.optimizers import Optimizer
from unidl.optimizers.past_rates import past_rates
from unidl.schedules import Constant

MAIN = "main"  # the name of the one optimizer of a Trainer without a training_step of its own


def rates_of(optimizers: Mapping[str, Optimizer], taken: Mapping[str, int], count: int) -> dict[str, np.ndarray]:
    """The learning rates of the next steps, (count,) for each optimizer.

    Args:
        optimizers: By name.
        taken: An optimizer's name -> steps that it took.
        count: How many steps.
    """
    rates = {}
    for name, optimizer in optimizers.items():
        first = taken.get(name, 0)
        schedule = optimizer.learning_rate
        if isinstance(schedule, Constant):
            rates[name] = np.full(count, schedule(first))
        else:
            steps = range(first, first + count)
            rates[name] = np.array([number(schedule, f"the rate of step {i}", schedule(i), least=0) for i in steps])
    return rates


def last_rates(optimizers: Mapping[str, Optimizer], taken: Mapping[str, int]) -> dict[str, float]:
    """The learning rate of each optimizer's last step, as an epoch logs it: "learning_rate", or "d_learning_rate" of an optimizer "d"."""
    last = past_rates(optimizers, {name: max(taken.get(name, 0), 1) for name in optimizers}, 1)
    return {
        "learning_rate" if name == MAIN else f"{name}_learning_rate": float(rates[0]) for name, rates in last.items()
    }


def is_rate(name: str) -> bool:
    """Whether a number of an epoch is a learning rate."""
    return name == "learning_rate" or name.endswith("_learning_rate")
