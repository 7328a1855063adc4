"""Lowerings of unidl.layers' attention family."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
