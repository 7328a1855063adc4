"""Pooling over images: traced from their definitions, which are tf.nn.max_pool and tf.nn.avg_pool."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
