"""Keras: a description becomes a `keras.Model` of Keras' own layers, on the engine that `KERAS_BACKEND` names."""

from unidl.backends.keras.engine import ENGINE as ENGINE  # isort: skip  (chooses the engine before anything imports Keras)

from typing import TYPE_CHECKING, Any

from unidl.backends import registry
from unidl.backends.keras.ambient import ambient as ambient
from unidl.backends.keras.bridge import CHANNELS_FIRST as CHANNELS_FIRST
from unidl.backends.keras.bridge import READERS as READERS
from unidl.backends.keras.bridge import SEPARATOR as SEPARATOR
from unidl.backends.keras.bridge import foreign as foreign
from unidl.backends.keras.device import device as device
from unidl.backends.keras.device import devices as devices
from unidl.backends.keras.device import version as version
from unidl.backends.keras.engine import ERRORS as ERRORS
from unidl.backends.keras.engine import keras as keras
from unidl.backends.keras.export import WRITERS as WRITERS
from unidl.backends.keras.generator import generator as generator
from unidl.backends.keras.generator import random_state as random_state
from unidl.backends.keras.gradient import jit as jit
from unidl.backends.keras.gradient import value_and_grad as value_and_grad
from unidl.backends.keras.native import lowering_of as lowering_of
from unidl.backends.keras.ops import OPS as OPS
from unidl.backends.keras.optimizers import optimizer as optimizer
from unidl.backends.keras.program import build as build
from unidl.backends.keras.program import child as child
from unidl.backends.keras.program import lowered as lowered
from unidl.backends.keras.program import reset_mode as reset_mode
from unidl.backends.keras.program import run as run
from unidl.backends.keras.program import set_mode as set_mode
from unidl.backends.keras.program import set_trainable as set_trainable
from unidl.backends.keras.program import slots as slots
from unidl.backends.keras.source import SOURCE as SOURCE
from unidl.backends.keras.stream import next_random_state as next_random_state
from unidl.backends.keras.stream import set_random_state as set_random_state
from unidl.backends.keras.tensor import TENSOR_TYPES as TENSOR_TYPES
from unidl.backends.keras.tensor import accepts_tensors_of as accepts_tensors_of
from unidl.backends.keras.tensor import arrays_to_tensors as arrays_to_tensors
from unidl.backends.keras.tensor import at_hand as at_hand
from unidl.backends.keras.tensor import blank as blank
from unidl.backends.keras.tensor import ensure_shape as ensure_shape
from unidl.backends.keras.tensor import fill as fill
from unidl.backends.keras.tensor import finite as finite
from unidl.backends.keras.tensor import is_compiling as is_compiling
from unidl.backends.keras.tensor import to_numpy as to_numpy
from unidl.backends.keras.tensor import to_tensor as to_tensor
from unidl.backends.keras.training import compile_steps as compile_steps
from unidl.backends.keras.training import explained as explained
from unidl.backends.keras.training import repeat as repeat
from unidl.backends.keras.training import training_mode as training_mode

if TYPE_CHECKING:  # else imported when they are asked for, below
    from unidl.backends.keras.inspection import inspect_model as inspect_model
    from unidl.backends.keras.inspection import inspect_step as inspect_step
    from unidl.backends.keras.inspection import staged as staged
    from unidl.backends.keras.inspection import traces_in as traces_in
    from unidl.backends.keras.inspection import watch as watch

NAME = "keras"
SHARES_TENSORS = True


def __getattr__(name: str) -> Any:
    return registry.inspection(__name__, name)
