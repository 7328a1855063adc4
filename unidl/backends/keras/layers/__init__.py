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
from unidl.backends.keras.native import lowering_of
from unidl.backends.lowering import Lowering
from unidl.native.row import Native

NATIVES: dict[type, Native] = {
    **core.ROWS,
    **activation.ROWS,
    **convolution.ROWS,
    **pooling.ROWS,
    **normalization.ROWS,
    **recurrent.ROWS,
    **attention.ROWS,
    **merging.ROWS,
    **resizing.ROWS,
}
"""The native form of each layer for which Keras has one."""

LOWERINGS: dict[type, Lowering] = {layer: lowering_of(row) for layer, row in NATIVES.items()}

CLASSES: dict[str, type] = {
    cls.__name__: cls for cls in (recurrent.MaskedLSTM, recurrent.MaskedGRU, attention.MaskedAttention)
}
"""Subclasses that a row's `cls` names: source code prints them whole."""
