"""Weights as a framework's own files and modules keep them: what a bridge reads, before it is a weight of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Stored:
    """An array that is read only when its shape is known to be right.

    Args:
        shape: Its shape.
        read: The array.
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Foreign:
    """One layer's weights as the framework's own class has them.

    Args:
        shapes: Name in the framework ("weight", "out_proj/weight") -> shape.
        canonical: Arrays by those names -> arrays by the layer's weight names, in canonical layout.
        aliases: Another name that a file may use -> one of `shapes`.
        spare: Names that may be there and say nothing of the layer.
    """

    shapes: Mapping[str, tuple[int, ...]]
    canonical: Callable[[Arrays], Arrays]
    aliases: Mapping[str, str] = field(default_factory=dict)
    spare: tuple[str, ...] = ()
