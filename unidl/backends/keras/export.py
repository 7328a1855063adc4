"""A model in Keras' own file format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unidl.backends.keras.vanilla import vanilla_model
from unidl.description.plan import LayerPlan
from unidl.errors import ExportError


def write_keras(plan: LayerPlan, native: Any, names: list[str], path: Path, custom: str | None = None) -> None:
    """A `.keras` file; `keras.saving.load_model(path)` reads it without unidl.

    Raises:
        ExportError: A layer cannot go into such a file.
    """
    model = vanilla_model(plan, native, custom)
    try:
        model.save(path)
    except (TypeError, ValueError, NotImplementedError) as error:  # what Keras raises on what it cannot write
        raise ExportError(
            f"{plan.title} cannot be written by Keras.", received=f"{type(error).__name__}: {error}"[:500]
        ) from error


WRITERS: dict[str, Callable[..., None]] = {"keras": write_keras}
"""Format -> its writer."""
