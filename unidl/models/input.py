"""Input: where a functional graph starts, and how a model's inputs are written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unidl.capture import told_arguments
from unidl.errors import ArgumentError, DtypeError
from unidl.graph.node import Placeholder
from unidl.graph.spec import DTYPES, TensorSpec, dtype_name
from unidl.graph.tensor import SymbolicTensor, placeholder


@told_arguments
def Input(shape: Sequence[int | None], dtype: str | None = None, name: str = "input") -> SymbolicTensor:  # noqa: N802
    """A symbolic tensor from which a functional model is drawn.

    Args:
        shape: Axes after the batch axis; None where the length may vary.
        dtype: Name of the dtype; None is the model's floating dtype.
        name: How messages call it.

    Example:
        >>> from unidl import Input, Model, layers
        >>> x = Input((28, 28, 1))
        >>> Model(x, layers.Dense(10)(layers.Flatten()(x))).output_shape((None, 28, 28, 1))
        (None, 10)
    Where the frameworks differ: this is `keras.Input`; torch and TensorFlow have no counterpart, and get a traced graph.
    """
    if isinstance(shape, int):
        raise ArgumentError(
            "Input needs a shape as a tuple.", expected="(28, 28, 1), or (8,) for one axis", received=repr(shape)
        )
    spec = TensorSpec((None, *shape), dtype_name(dtype) if dtype is not None else "float32")
    return placeholder(spec, name, floating=dtype is None)


def to_specs(described: Any, precision: str) -> Any:
    """TensorSpecs, nested alike, for what `build` takes: shapes without batch axis, Inputs, TensorSpecs, example arrays.

    Args:
        described: The description, or nest of them in lists, tuples and dicts.
        precision: The floating dtype of the model.
    """
    if isinstance(described, SymbolicTensor):
        node = described.unidl_node
        floating = isinstance(node, Placeholder) and node.floating
        return TensorSpec(described.shape, precision if floating else described.dtype)
    if isinstance(described, TensorSpec):
        return described
    if isinstance(described, tuple) and all(axis is None or isinstance(axis, (int, np.integer)) for axis in described):
        return TensorSpec((None, *described), precision)
    if isinstance(described, (list, tuple)):
        return type(described)([to_specs(item, precision) for item in described])
    if isinstance(described, dict):
        return {key: to_specs(item, precision) for key, item in described.items()}
    if hasattr(described, "shape") and hasattr(described, "dtype"):
        return _example_spec(described, precision)
    if described is None or isinstance(described, (bool, int, float, str)):
        return described  # a plain argument of forward
    raise ArgumentError(
        "A model's input was described by something that is no description.",
        expected="a shape without its batch axis such as (28, 28, 1), unidl.Input(…), an example array, or a nest of these",
        received=f"{type(described).__name__}: {described!r}",
    )


def _example_spec(example: Any, precision: str) -> TensorSpec:
    name = getattr(example.dtype, "name", None) or str(example.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise DtypeError(
            "A model cannot take an array of this dtype.", expected=f"one of {', '.join(DTYPES)}", received=name
        )
    dtype = precision if "float" in name else name
    shape = tuple(example.shape)
    return TensorSpec((None, *shape[1:]) if shape else (), dtype)
