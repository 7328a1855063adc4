"""Layers: each a definition in unidl.ops, one concept a file."""

from unidl.description.layer import Layer as Layer
from unidl.layers.batch_normalization import BatchNormalization as BatchNormalization
from unidl.layers.convolution import Conv2D as Conv2D
from unidl.layers.dense import Dense as Dense
from unidl.layers.shape import Flatten as Flatten
from unidl.layers.shape import Reshape as Reshape
