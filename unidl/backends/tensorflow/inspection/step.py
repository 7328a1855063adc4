"""What one whole training step is."""

from __future__ import annotations

from unidl.backends.tensorflow.inspection.layers import layers
from unidl.inspection.picture import Picture
from unidl.inspection.program import Program


def inspect_step(program: Program) -> Picture:
    return Picture((layers(program),))
