"""Steps with learning rates that are tried, taken back afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unidl.errors import ArgumentError
from unidl.training import state
from unidl.training.feed import Feed
from unidl.training.progress import Progress

if TYPE_CHECKING:
    from unidl.training.engine import Engine

MOMENTUM = 0.9  # of the running mean: one batch's loss is noise
AT_ONCE = 8  # steps in a call: after each it may end


def try_rates(engine: Engine, feed: Feed, progress: Progress, rates: np.ndarray, factor: float) -> np.ndarray:
    """The loss of one step with each of these learning rates, one after another, on the batches that come next.

    Weights, optimizers, generators and counters are as they were afterwards.

    Args:
        engine: It takes the steps.
        feed: Where the batches come from; it is opened again where an epoch has too few.
        progress: The run.
        rates: For every optimizer, (steps,).
        factor: A running mean of the losses of more than so many times the least ends the trial, and so does a loss that is not finite.

    Returns:
        The losses, as many as steps were taken.
    """
    trainer, generator = engine.trainer, engine.generator
    assert generator is not None
    before, drawn = trainer.state(), generator.read()
    states = engine.initial_states(feed.is_weighted)
    losses = np.zeros(0)
    take = feed.open(trainer.epoch, progress.position)
    while len(losses) < len(rates):
        load = take(min(AT_ONCE, len(rates) - len(losses)))
        if load is None:
            take = feed.open(trainer.epoch, 0)
            continue
        these = rates[len(losses) : len(losses) + load.count]
        states, numbers = engine.take_steps(load, states, dict.fromkeys(trainer.optimizers, these))
        if "loss" not in numbers:
            raise ArgumentError(
                "Learning rates cannot be tried: the training_step of this Trainer returns no loss.",
                fix='Return the loss, or a dict with "loss".',
            )
        losses = np.concatenate([losses, numbers["loss"]])
        if not np.isfinite(losses).all() or (mean := _running_mean(losses))[-1] > factor * mean.min() > 0:
            break
    state.write(trainer, {**before, "callbacks": []})
    trainer.progress = progress
    generator.write(drawn)
    return losses


def _running_mean(losses: np.ndarray) -> np.ndarray:
    """The exponential running mean, of which the first values count as much as later ones."""
    mean, made = 0.0, []
    for i, loss in enumerate(losses.tolist()):
        mean = MOMENTUM * mean + (1 - MOMENTUM) * loss
        made.append(mean / (1 - MOMENTUM ** (i + 1)))
    return np.array(made)
