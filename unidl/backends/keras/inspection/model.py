"""What a model became."""

from __future__ import annotations

from unidl.backends.keras.inspection.layers import layers
from unidl.inspection.picture import Picture
from unidl.inspection.program import Program


def inspect_model(program: Program) -> Picture:
    return Picture((layers(program),))
