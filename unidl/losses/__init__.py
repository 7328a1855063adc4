"""Losses: `loss(targets, predictions)`, each a definition in unidl.ops."""

from unidl import habits as _habits
from unidl.losses.binary_cross_entropy import BinaryCrossEntropy as BinaryCrossEntropy
from unidl.losses.cross_entropy import CrossEntropy as CrossEntropy
from unidl.losses.loss import Loss as Loss
from unidl.losses.loss import get as get
from unidl.losses.mean_squared_error import MSE as MSE


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.LOSSES, globals(), _habits.FAMILIES)
