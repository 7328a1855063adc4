"""MultiHeadAttention: traced from its definition, einsums and a softmax."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
