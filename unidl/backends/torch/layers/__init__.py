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
