"""Conv2D: traced from its definition, which is tf.nn.conv2d and an addition."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
