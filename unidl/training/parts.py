"""Losses and metrics as a Trainer is given them: one for all outputs, or each for one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unidl import arguments, losses, metrics
from unidl.errors import ArgumentError
from unidl.losses import Loss
from unidl.metrics import Metric
from unidl.training.outputs import Key, by_output


@dataclass(frozen=True)
class Part:
    """One of the losses whose weighted sum is minimized.

    Args:
        key: The output that it is of: its name or position; None is all that forward returns.
        loss: The loss.
        weight: Its factor in the sum.
    """

    key: Key
    loss: Loss
    weight: float = 1.0


@dataclass(frozen=True)
class Measure:
    """A metric of an output."""

    key: Key
    metric: Metric


def parts_of(loss: Any) -> list[Part]:
    """The losses as they are given; None for an output that has none."""
    given = None if loss is None else by_output(loss)
    if given is None:
        return [] if loss is None else [Part(None, losses.get(loss))]
    if len(given) == 1 and not isinstance(loss, Mapping):
        return [Part(None, losses.get(given[0][1]))]
    found = [Part(key, losses.get(one)) for key, one in given if one is not None]
    if not found or not all(isinstance(key, (str, int)) for key, _ in given):
        raise ArgumentError(
            "loss is given by output, and there is none in it."
            if not found
            else "loss is given by the outputs' names.",
            expected='a loss for each output: {"class": "cross_entropy", "box": "mse"}, or a list in their order',
            received=arguments.shown(loss),
        )
    return found


def loss_weights_of(given: Any, loss: Any) -> dict[Key, float]:
    """Factors by output, as they are given."""
    if given is None:
        return {}
    factors = by_output(given)
    parts = by_output(loss) if loss is not None else None
    if factors is None or parts is None or (isinstance(given, Mapping) is False and len(factors) != len(parts)):
        raise ArgumentError(
            "loss_weights are factors of the losses of several outputs.",
            expected="a number for each loss, by output as the losses are: loss_weights={'box': 0.5}",
            received=arguments.shown(given),
            fix=None if parts is not None else "A learning rate scales a single loss.",
        )
    return {key: arguments.number("Trainer", "loss_weights", value) for key, value in factors if value is not None}


def measures_of(given: Any) -> list[Measure]:
    """The metrics as they are given."""
    if isinstance(given, str) or callable(given) or isinstance(given, Metric):
        shown = repr(given) if isinstance(given, str) else "…"
        raise ArgumentError("metrics is a list.", received=arguments.shown(given), fix=f"metrics=[{shown}]")
    if isinstance(given, Mapping):
        return [Measure(key, metric) for key, some in given.items() for metric in _several(some)]
    listed = arguments.items("Trainer", "metrics", given, "metrics")
    if not any(isinstance(one, (list, tuple)) for one in listed):
        return [Measure(None, metrics.get(one)) for one in listed]
    return [Measure(i, metric) for i, some in enumerate(listed) for metric in _several(some)]


def _several(given: Any) -> list[Metric]:
    """The metrics of one output: a list, a single one, or None."""
    if given is None:
        return []
    return [metrics.get(one) for one in given] if isinstance(given, (list, tuple)) else [metrics.get(given)]
