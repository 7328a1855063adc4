"""Accuracy: how often the largest prediction is the true class."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import ops
from unidl.graph.spec import dtype_name, is_float
from unidl.metrics.metric import Metric


class Accuracy(Metric, name="accuracy"):
    """Share of places where the largest prediction is the true class; at a tie the lowest class is the prediction.

    Input: targets (batch, ...) of class numbers or (batch, ..., classes) of probabilities; predictions (batch, ..., classes),
        logits or probabilities
    Output: a number in [0, 1]
    Example:
        >>> import numpy, unidl
        >>> a = unidl.metrics.Accuracy()
        >>> s = a.update(a.initial(), numpy.array([0, 1]), numpy.array([[2.0, 1.0], [3.0, 1.0]], "float32"))
        >>> a.result({k: unidl.to_numpy(v) for k, v in s.items()})
        0.5
    """

    def initial(self) -> dict[str, np.ndarray]:
        """Hits and places, counted in integers: a float32 count would stop growing at 2^24."""
        return {"hits": np.zeros((), "int64"), "count": np.zeros((), "int64")}

    def update(self, state: dict[str, Any], targets: Any, predictions: Any) -> dict[str, Any]:
        """Count the batch's hits."""
        guesses = ops.argmax(predictions, axis=-1)  # (batch, ...)
        truth = ops.argmax(targets, axis=-1) if is_float(dtype_name(targets.dtype)) else ops.cast(targets, "int64")
        hits = ops.cast(ops.equal(guesses, truth), "int64")
        return {
            "hits": ops.add(state["hits"], ops.sum(hits)),
            # a tensor of the batch's own backend, where ops.size may be a Python number
            "count": ops.add(state["count"], ops.sum(ops.ones_like(hits))),
        }

    def result(self, state: dict[str, np.ndarray]) -> float:
        """hits / count."""
        return float(state["hits"] / max(int(state["count"]), 1))
