"""A model as Keras source code: what a layer and an op are called there, and how a functional model is written."""

from unidl.backends.keras.source.language import Keras

SOURCE = Keras()
