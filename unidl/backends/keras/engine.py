"""Keras itself, imported after its engine was chosen."""

from unidl.backends import keras_engine as keras_engine  # isort: skip  (must run before Keras is imported)

import keras as keras

ENGINE: str = keras.backend.backend()  # "tensorflow", "torch" or "jax": one a process
