"""Lowerings of unidl.layers' recurrent family."""

from __future__ import annotations

from unidl.backends.lowering import Lowering

TABLE: dict[type, Lowering] = {}
