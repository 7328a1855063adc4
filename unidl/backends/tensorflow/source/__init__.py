"""A model as TensorFlow source code: what a layer and an op are called there, and how a tf.Module is written."""

from unidl.backends.tensorflow.source.language import TensorFlow

SOURCE = TensorFlow()
