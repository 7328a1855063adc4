"""Activation, ReLU, Softmax: traced from their definitions."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
