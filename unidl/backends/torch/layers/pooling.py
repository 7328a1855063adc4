"""Lowerings of unidl.layers' pooling family."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
