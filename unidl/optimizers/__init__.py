"""Optimizers: each a definition in unidl.ops of one weight's next value."""

from unidl import habits as _habits
from unidl.optimizers.adam import Adam as Adam
from unidl.optimizers.adam import AdamW as AdamW
from unidl.optimizers.optimizer import Optimizer as Optimizer
from unidl.optimizers.optimizer import get as get
from unidl.optimizers.sgd import SGD as SGD


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.OPTIMIZERS, globals(), _habits.FAMILIES)
