"""How a metric is found by name."""

from __future__ import annotations

from typing import Any

from unidl import habits
from unidl.capture import told_arguments
from unidl.errors import ArgumentError
from unidl.metrics.mean import Mean
from unidl.metrics.metric import NAMES, Metric


@told_arguments
def get(value: Any) -> Metric:
    """The metric for a name, a metric, or a function of targets and predictions.

    A function returns a value for each example (batch, ...), or a scalar for the batch; the metric is its mean.

    Raises:
        ArgumentError: There is none of that name.
    """
    if isinstance(value, Metric):
        return value
    if isinstance(value, str) and value in NAMES:
        return NAMES[value]()
    if isinstance(value, type) and issubclass(value, Metric):
        raise ArgumentError(f"The metric is the class {value.__name__}.", fix=f"Call it: {value.__name__}().")
    if callable(value):
        return Mean(value)
    raise habits.no_such(
        "metric",
        "metrics",
        value,
        habits.METRICS,
        NAMES,
        "an object of unidl.metrics, or a function(targets, predictions)",
    )
