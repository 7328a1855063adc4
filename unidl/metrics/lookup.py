"""How a metric is found by name."""

from __future__ import annotations

from typing import Any

from unidl.capture import told_arguments
from unidl.metrics.mean import Mean
from unidl.metrics.metric import METRICS, Metric


@told_arguments
def get(value: Any) -> Metric:
    """The metric for a name, a metric, or a function of targets and predictions.

    A function returns a value for each example (batch, ...), or a scalar for the batch; the metric is its mean.

    Raises:
        ArgumentError: There is none of that name.
    """
    found = METRICS.found(value)
    if found is not None:
        return found
    if callable(value):
        return Mean(value)
    raise METRICS.no_such(value)
