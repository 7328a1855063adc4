"""Metrics: numbers over many batches, gathered without leaving the device."""

from unidl import habits as _habits
from unidl.metrics.accuracy import Accuracy as Accuracy
from unidl.metrics.accuracy import BinaryAccuracy as BinaryAccuracy
from unidl.metrics.lookup import get as get
from unidl.metrics.mean import Mean as Mean
from unidl.metrics.metric import Metric as Metric


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.METRICS, globals(), _habits.FAMILIES)
