"""Learning-rate schedules: a number for each optimizer step, computed on the host in float64, the same for every backend."""

from unidl import habits as _habits
from unidl.schedules.cosine import Cosine as Cosine
from unidl.schedules.schedule import Constant as Constant
from unidl.schedules.schedule import Schedule as Schedule
from unidl.schedules.schedule import get as get


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.SCHEDULES, globals(), _habits.FAMILIES)
