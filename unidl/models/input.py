"""Input: where a functional graph starts, and how a model's inputs are written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unidl import arguments
from unidl.capture import told_arguments
from unidl.errors import ArgumentError, DtypeError, ShapeError
from unidl.graph.node import Placeholder
from unidl.graph.spec import DTYPES, TensorSpec, dtype_name
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.names import check_label

PLAIN = (bool, int, float, str, np.generic)


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
    check_label("Input", name)
    axes = arguments.shape("Input", "shape", shape, free=True)
    spec = TensorSpec((None, *axes), dtype_name(dtype) if dtype is not None else "float32")
    return placeholder(spec, name, floating=dtype is None)


def check_described(described: Any) -> None:
    """Refuse what `build` cannot take for a description of inputs: a shape that is none, or that is a list.

    Raises:
        ArgumentError: It says how a shape is written.
    """
    if isinstance(described, (tuple, list)) and all(axis is None or isinstance(axis, PLAIN) for axis in described):
        if isinstance(described, list):
            raise arguments.refuse(
                "build", "an input's shape", "a tuple, such as (28, 28, 1)", described, f"Use {tuple(described)!r}."
            )
        arguments.shape("build", "an input's shape", described, free=True)
    elif isinstance(described, (tuple, list, dict)):
        for item in described.values() if isinstance(described, dict) else described:
            check_described(item)


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
        return TensorSpec((None, *arguments.shape("build", "an input's shape", described, free=True)), precision)
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
    if 0 in shape[1:]:
        raise ShapeError(
            "A model cannot be built for an example with an axis of length 0.",
            expected="axes of length 1 or more behind the batch axis",
            received=str(shape),
        )
    return TensorSpec((None, *shape[1:]) if shape else (), dtype)
