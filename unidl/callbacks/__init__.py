"""Callbacks: early stopping, checkpoints, loggers, and hooks of your own."""

from unidl import habits as _habits
from unidl.callbacks.callback import Callback as Callback
from unidl.callbacks.checkpoint import Checkpoint as Checkpoint
from unidl.callbacks.csv_logger import CSVLogger as CSVLogger
from unidl.callbacks.early_stopping import EarlyStopping as EarlyStopping
from unidl.callbacks.function_callback import Lambda as Lambda
from unidl.callbacks.gradient_norms import GradientNorms as GradientNorms
from unidl.callbacks.learning_rate_finder import LearningRateFinder as LearningRateFinder
from unidl.callbacks.learning_rate_monitor import LearningRateMonitor as LearningRateMonitor
from unidl.callbacks.model_summary import ModelSummary as ModelSummary
from unidl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau as ReduceLROnPlateau
from unidl.callbacks.tensorboard import TensorBoard as TensorBoard
from unidl.callbacks.timer import Timer as Timer


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.CALLBACKS, globals(), _habits.FAMILIES)
