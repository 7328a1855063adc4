"""Add, Concatenate and their like: torch has functions for them and no modules, and the definitions call those."""

from __future__ import annotations

from unidl.backends.lowering import Lowering, by_definition
from unidl.layers import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract

TABLE: dict[type, Lowering] = {
    layer: by_definition("torch has functions that merge tensors, and no modules")
    for layer in (Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate)
}
