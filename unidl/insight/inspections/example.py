"""Inputs for a model where nobody gives any: of the shapes that it was built for."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.errors import ArgumentError
from unidl.graph.node import map_nest
from unidl.graph.spec import is_float
from unidl.graph.tensor import SymbolicTensor
from unidl.models import Model

LENGTH = 16  # of an axis that may have any length, the batch axis aside


def example_of(model: Model, batch_size: int) -> tuple[Any, ...]:
    """The arguments of a call: normal numbers, and zeros where the model takes integers.

    Args:
        model: A built model.
        batch_size: How many examples.

    Raises:
        ArgumentError: It takes inputs by name, or plain values, which cannot be made up.
    """
    call = model._need_built().plan.calls[0]
    if call.kwargs:
        raise ArgumentError(
            f"{model.name!r} takes inputs by name, which cannot be made up.", received=", ".join(call.kwargs)
        )
    generator = np.random.default_rng(0)

    def one(leaf: Any) -> Any:
        if not isinstance(leaf, SymbolicTensor):
            return leaf
        lengths = [LENGTH if axis is None else axis for axis in leaf.shape]
        if leaf.shape and leaf.shape[0] is None:
            lengths[0] = batch_size
        if is_float(leaf.dtype):
            return generator.standard_normal(lengths).astype("float32")
        return np.zeros(lengths, leaf.dtype)

    made: tuple[Any, ...] = map_nest(one, call.args)
    return made
