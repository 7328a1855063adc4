"""Which layers TensorFlow runs with something of its own: a table by definition, one file a family.

It has no layers outside Keras: the definitions are traced once into a graph of tf operations, which is what a layer in TensorFlow
is. The tables hold what one fused kernel of TensorFlow's does better.
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
