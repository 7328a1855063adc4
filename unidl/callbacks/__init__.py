"""Callbacks: what a person wants done between epochs."""

from unidl import habits as _habits
from unidl.callbacks.callback import Callback as Callback
from unidl.callbacks.checkpoint import Checkpoint as Checkpoint
from unidl.callbacks.early_stopping import EarlyStopping as EarlyStopping


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.CALLBACKS, globals(), _habits.FAMILIES)
