"""Metrics: numbers to look at, gathered over an epoch without leaving the device."""

from unidl import habits as _habits
from unidl.metrics.accuracy import Accuracy as Accuracy
from unidl.metrics.metric import Mean as Mean
from unidl.metrics.metric import Metric as Metric
from unidl.metrics.metric import get as get


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.METRICS, globals())
