"""LSTM: traced from its definition, one loop node for any length."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
