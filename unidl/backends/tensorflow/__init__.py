"""TensorFlow: a description becomes a `tf.Module` with a `tf.function` traced from the definitions."""

from unidl.backends import keras_engine as keras_engine  # isort: skip  (importing TensorFlow imports Keras)

import tensorflow as tf

from unidl.backends.tensorflow.device import device as device
from unidl.backends.tensorflow.device import devices as devices
from unidl.backends.tensorflow.device import version as version
from unidl.backends.tensorflow.gradient import jit as jit
from unidl.backends.tensorflow.gradient import value_and_grad as value_and_grad
from unidl.backends.tensorflow.ops import OPS as OPS
from unidl.backends.tensorflow.tensor import accepts_tensors_of as accepts_tensors_of
from unidl.backends.tensorflow.tensor import arrays_to_tensors as arrays_to_tensors
from unidl.backends.tensorflow.tensor import is_compiling as is_compiling
from unidl.backends.tensorflow.tensor import to_numpy as to_numpy
from unidl.backends.tensorflow.tensor import to_tensor as to_tensor

NAME = "tensorflow"
TENSOR_TYPES = (tf.Tensor, tf.Variable)
SHARES_TENSORS = False
ENGINE: str | None = None
