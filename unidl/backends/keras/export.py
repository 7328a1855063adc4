"""A model in Keras' own file formats: none yet.

A `.keras` file may hold only Keras' own, untouched classes, and some lowerings are small subclasses of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unidl.description.plan import LayerPlan

WRITERS: dict[str, Callable[[LayerPlan, Any, list[str], Path], None]] = {}
"""Format -> its writer."""
