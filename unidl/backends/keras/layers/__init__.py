"""Which layers Keras runs with its own: a table by definition, one file a family."""

from __future__ import annotations

from unidl.backends.keras.layers import (
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
from unidl.backends.lowering import Lowering

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
