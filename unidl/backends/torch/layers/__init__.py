"""Which layers torch runs with its own modules: a table by definition, one file a family."""

from __future__ import annotations

from unidl.backends.lowering import Lowering
from unidl.backends.torch.layers import (
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
from unidl.backends.torch.native import lowering_of
from unidl.native.row import Native

NATIVES: dict[type, Native] = {
    **core.ROWS,
    **activation.ROWS,
    **convolution.ROWS,
    **pooling.ROWS,
    **normalization.ROWS,
    **recurrent.ROWS,
    **attention.ROWS,
    **resizing.ROWS,
}
"""The native form of each layer for which torch has one."""

LOWERINGS: dict[type, Lowering] = {
    **core.TABLE,
    **pooling.TABLE,
    **merging.TABLE,
    **{layer: lowering_of(row) for layer, row in NATIVES.items()},
}
