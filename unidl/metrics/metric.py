"""What a metric is: a state that batches are added to, and a number read from it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from unidl import habits
from unidl.capture import snake_case
from unidl.errors import ArgumentError
from unidl.family import Family, Member
from unidl.graph.spec import TensorSpec

METRICS: Family[Metric] = Family(
    "metric", "metrics", habits.METRICS, "an object of unidl.metrics, or a function(targets, predictions)"
)
CALLS = {"initial": (), "update": ("state", "targets", "predictions"), "result": ("state",)}


def takes_weights(metric: Metric) -> bool:
    """Whether a metric's `update` has a parameter `sample_weight`."""
    return "sample_weight" in inspect.signature(metric.update).parameters


class Metric(Member, family=METRICS, calls=CALLS):
    """Base class of metrics: a number over many batches. The state is a dict of tensors; nothing is read before the epoch ends.

    A subclass defines `initial`, `update` and `result`; an `update` with a fourth parameter `sample_weight` takes the weights of examples too,
    None where there are none, booleans where they are a mask. Where the number is a mean, `metrics.Mean` has all three.
    """

    reads_logits = False  # whether a softmax or sigmoid at the model's end would be a mistake
    probabilities: str | None = None  # the op that makes probabilities of such logits, which from_logits=False takes

    @property
    def name(self) -> str:
        """Under which the number is logged."""
        return self._unidl.name or snake_case(type(self).__name__)  # type: ignore[attr-defined]

    def initial(self) -> dict[str, np.ndarray]:
        """The state before the first batch."""
        raise ArgumentError(f"{type(self).__name__} has no initial().", fix="Define initial, update and result.")

    def weighted_initial(self) -> dict[str, np.ndarray]:
        """The state before the first batch, where batches come with weights."""
        return self.initial()

    def update(self, state: dict[str, Any], targets: Any, predictions: Any) -> dict[str, Any]:
        """The state after one more batch, computed with unidl.ops."""
        raise ArgumentError(f"{type(self).__name__} has no update(…).", fix="Define initial, update and result.")

    def result(self, state: dict[str, np.ndarray]) -> float:
        """The number, from the state as arrays."""
        raise ArgumentError(f"{type(self).__name__} has no result(…).", fix="Define initial, update and result.")

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Refuse data for which the number would be undefined, before any step.

        Args:
            targets: All targets, as an array.
            predictions: Shape and dtype of the model's output.
        """
