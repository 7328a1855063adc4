"""Layers: each a definition in unidl.ops, one concept a file."""

from unidl import habits as _habits
from unidl.description.layer import Layer as Layer
from unidl.layers.activation import ELU as ELU
from unidl.layers.activation import Activation as Activation
from unidl.layers.activation import LeakyReLU as LeakyReLU
from unidl.layers.activation import ReLU as ReLU
from unidl.layers.activation import Softmax as Softmax
from unidl.layers.attention import MultiHeadAttention as MultiHeadAttention
from unidl.layers.batch_normalization import BatchNormalization as BatchNormalization
from unidl.layers.bidirectional import Bidirectional as Bidirectional
from unidl.layers.convolution import Conv2D as Conv2D
from unidl.layers.cropping import Cropping1D as Cropping1D
from unidl.layers.cropping import Cropping2D as Cropping2D
from unidl.layers.cropping import Cropping3D as Cropping3D
from unidl.layers.dense import Dense as Dense
from unidl.layers.dropout import AlphaDropout as AlphaDropout
from unidl.layers.dropout import Dropout as Dropout
from unidl.layers.dropout import SpatialDropout1D as SpatialDropout1D
from unidl.layers.dropout import SpatialDropout2D as SpatialDropout2D
from unidl.layers.dropout import SpatialDropout3D as SpatialDropout3D
from unidl.layers.embedding import Embedding as Embedding
from unidl.layers.function import Identity as Identity
from unidl.layers.function import Lambda as Lambda
from unidl.layers.gru import GRU as GRU
from unidl.layers.layer_normalization import LayerNormalization as LayerNormalization
from unidl.layers.merging import Add as Add
from unidl.layers.merging import Average as Average
from unidl.layers.merging import Concatenate as Concatenate
from unidl.layers.merging import Maximum as Maximum
from unidl.layers.merging import Minimum as Minimum
from unidl.layers.merging import Multiply as Multiply
from unidl.layers.merging import Subtract as Subtract
from unidl.layers.noise import GaussianDropout as GaussianDropout
from unidl.layers.noise import GaussianNoise as GaussianNoise
from unidl.layers.padding import ReflectionPadding2D as ReflectionPadding2D
from unidl.layers.padding import ReplicationPadding2D as ReplicationPadding2D
from unidl.layers.padding import ZeroPadding1D as ZeroPadding1D
from unidl.layers.padding import ZeroPadding2D as ZeroPadding2D
from unidl.layers.padding import ZeroPadding3D as ZeroPadding3D
from unidl.layers.pooling import AveragePooling2D as AveragePooling2D
from unidl.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from unidl.layers.pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from unidl.layers.pooling import MaxPooling2D as MaxPooling2D
from unidl.layers.prelu import PReLU as PReLU
from unidl.layers.recurrent import LSTM as LSTM
from unidl.layers.rescaling import Rescaling as Rescaling
from unidl.layers.resizing import UpSampling2D as UpSampling2D
from unidl.layers.shape import Flatten as Flatten
from unidl.layers.shape import Reshape as Reshape
from unidl.layers.transposed_convolution import Conv2DTranspose as Conv2DTranspose


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.LAYERS, globals(), _habits.FAMILIES)
