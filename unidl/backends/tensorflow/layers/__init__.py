"""Which layers TensorFlow runs with something of its own: none, for it has no layers outside Keras.

The definitions are traced once into a graph of tf operations, which is what a layer in TensorFlow is. The tables hold what a
fused kernel would do better, once it is proven equal.
"""

from __future__ import annotations

from unidl.backends.lowering import Lowering
from unidl.backends.tensorflow.layers import (
    activation,
    attention,
    convolution,
    core,
    merging,
    normalization,
    pooling,
    recurrent,
    resizing,
)

LOWERINGS: dict[type, Lowering] = {
    **core.TABLE,
    **activation.TABLE,
    **convolution.TABLE,
    **pooling.TABLE,
    **normalization.TABLE,
    **recurrent.TABLE,
    **attention.TABLE,
    **merging.TABLE,
    **resizing.TABLE,
}
