"""TensorFlow: a description becomes a `tf.Module` with a `tf.function` traced from the definitions."""

from typing import TYPE_CHECKING, Any

from unidl.backends import keras_engine as keras_engine  # isort: skip  (importing TensorFlow imports Keras)

import tensorflow as tf

from unidl.backends import registry
from unidl.backends.tensorflow.ambient import ambient as ambient
from unidl.backends.tensorflow.bridge import CHANNELS_FIRST as CHANNELS_FIRST
from unidl.backends.tensorflow.bridge import READERS as READERS
from unidl.backends.tensorflow.bridge import SEPARATOR as SEPARATOR
from unidl.backends.tensorflow.bridge import foreign as foreign
from unidl.backends.tensorflow.device import device as device
from unidl.backends.tensorflow.device import devices as devices
from unidl.backends.tensorflow.device import version as version
from unidl.backends.tensorflow.export import WRITERS as WRITERS
from unidl.backends.tensorflow.generator import generator as generator
from unidl.backends.tensorflow.generator import random_state as random_state
from unidl.backends.tensorflow.gradient import jit as jit
from unidl.backends.tensorflow.gradient import value_and_grad as value_and_grad
from unidl.backends.tensorflow.ops import OPS as OPS
from unidl.backends.tensorflow.optimizers import optimizer as optimizer
from unidl.backends.tensorflow.program import build as build
from unidl.backends.tensorflow.program import child as child
from unidl.backends.tensorflow.program import lowered as lowered
from unidl.backends.tensorflow.program import reset_mode as reset_mode
from unidl.backends.tensorflow.program import run as run
from unidl.backends.tensorflow.program import set_mode as set_mode
from unidl.backends.tensorflow.program import set_trainable as set_trainable
from unidl.backends.tensorflow.program import slots as slots
from unidl.backends.tensorflow.source import SOURCE as SOURCE
from unidl.backends.tensorflow.stream import next_random_state as next_random_state
from unidl.backends.tensorflow.stream import set_random_state as set_random_state
from unidl.backends.tensorflow.tensor import ERRORS as ERRORS
from unidl.backends.tensorflow.tensor import accepts_tensors_of as accepts_tensors_of
from unidl.backends.tensorflow.tensor import arrays_to_tensors as arrays_to_tensors
from unidl.backends.tensorflow.tensor import at_hand as at_hand
from unidl.backends.tensorflow.tensor import blank as blank
from unidl.backends.tensorflow.tensor import ensure_shape as ensure_shape
from unidl.backends.tensorflow.tensor import fill as fill
from unidl.backends.tensorflow.tensor import finite as finite
from unidl.backends.tensorflow.tensor import is_compiling as is_compiling
from unidl.backends.tensorflow.tensor import to_numpy as to_numpy
from unidl.backends.tensorflow.tensor import to_tensor as to_tensor
from unidl.backends.tensorflow.training import compile_steps as compile_steps
from unidl.backends.tensorflow.training import explained as explained
from unidl.backends.tensorflow.training import repeat as repeat
from unidl.backends.tensorflow.training import training_mode as training_mode

if TYPE_CHECKING:  # else imported when they are asked for, below
    from unidl.backends.tensorflow.inspection import inspect_model as inspect_model
    from unidl.backends.tensorflow.inspection import inspect_step as inspect_step
    from unidl.backends.tensorflow.inspection import staged as staged
    from unidl.backends.tensorflow.inspection import traces_in as traces_in
    from unidl.backends.tensorflow.inspection import watch as watch

NAME = "tensorflow"
TENSOR_TYPES = (tf.Tensor, tf.Variable)
SHARES_TENSORS = False
ENGINE: str | None = None


def __getattr__(name: str) -> Any:
    return registry.inspection(__name__, name)
