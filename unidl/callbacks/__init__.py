"""Callbacks: what a person wants done between epochs."""

from unidl.callbacks.callback import Callback as Callback
from unidl.callbacks.early_stopping import EarlyStopping as EarlyStopping
