"""A model's weights one at a time: as lazy arrays for a file, and from lazy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unidl.backends.stepper import lazy_array
from unidl.lazy_array import LazyArray

if TYPE_CHECKING:
    from unidl.models.build import Built


def lazy_weights(built: Built) -> dict[str, LazyArray]:
    """Path -> weight or state, read in pieces when it is asked for, and as it is then."""
    return {path: lazy_array(slot, built.backend.to_numpy) for path, slot in built.slots().items()}
