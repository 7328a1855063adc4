"""BatchNormalization and LayerNormalization: traced from their definitions.

TensorFlow's fused batch norm kernel serves 4-D float32 alone and means the same only up to its own rounding of the moving
variance; it stays out until it is proven equal and seen to be faster.
"""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
