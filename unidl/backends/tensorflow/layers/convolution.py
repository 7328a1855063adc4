"""Conv2D and Conv2DTranspose: traced from their definitions, which are tf.nn.conv2d and conv2d_transpose, and an addition."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
