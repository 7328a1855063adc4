"""Tensors of any backend as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.backends import registry
from unidl.capture import told_arguments
from unidl.errors import DtypeError

if TYPE_CHECKING:
    from unidl.graph.spec import Shape


@told_arguments
def to_numpy(tensor: Any) -> Any:
    """A tensor, variable or parameter of any backend as a NumPy array, off its device and graph.

    Args:
        tensor: The tensor, or lists, tuples and dicts of them; arrays and numbers pass as arrays.

    Raises:
        DtypeError: It is no tensor.

    Example:
        >>> import unidl
        >>> unidl.to_numpy(unidl.ops.ones((2,))).tolist()
        [1.0, 1.0]
    """
    if isinstance(tensor, (list, tuple)):
        return type(tensor)(to_numpy(item) for item in tensor)
    if isinstance(tensor, dict):
        return {key: to_numpy(item) for key, item in tensor.items()}
    if tensor is None or isinstance(tensor, (np.ndarray, np.generic, bool, int, float)):
        return tensor if tensor is None else np.asarray(tensor)
    owner = registry.owner_of(tensor)
    if owner is None:
        raise DtypeError(
            "to_numpy was given something that is no tensor.",
            expected="a tensor of an installed backend, an array, a number, or a nest of these",
            received=f"{type(tensor).__name__}",
        )
    return registry.load(owner).to_numpy(tensor)


def at_hand(tensor: Any) -> np.ndarray | None:
    """The values of an array, or of a tensor that is computed already and lies in the process' own memory; None of any other.

    So values are looked at where nothing has to be waited for: not in a graph, not on an accelerator.
    """
    if isinstance(tensor, np.ndarray):
        return tensor
    owner = registry.owner_of(tensor)
    return None if owner is None else registry.load(owner).at_hand(tensor)


def ensure_shape(tensor: Any, shape: Shape) -> Any:
    """The tensor, whose lengths are these: a graph that does not know them finds out as it runs. Others were compared already."""
    owner = None if isinstance(tensor, np.ndarray) else registry.owner_of(tensor)
    return tensor if owner is None else registry.load(owner).ensure_shape(tensor, shape)
