"""The norms of a step's gradients, layer by layer: logged only where a callback asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unidl import ops
from unidl.backends.contract import Slot

PREFIX = "gradient_norm"


def gradient_norms(
    slots: Mapping[str, Slot], wanted: Sequence[Any], gradients: Sequence[Any], of: str
) -> dict[str, Any]:
    """The Euclidean norm of each layer's gradients, before any clipping: "gradient_norm/<path of the layer>".

    A parameter that packs weights of several layers counts for the first of them; so does one that layers share.

    Args:
        slots: Path of a weight -> the weight.
        wanted: The parameters or variables.
        gradients: The gradient of each.
        of: What stands before the path: "d/" for an optimizer "d" among several.
    """
    layer_of: dict[int, str] = {}
    for path, slot in slots.items():
        # behind a parametrization torch trains other tensors than the weight
        for native in getattr(slot, "natives", (slot.native,)):
            layer_of.setdefault(id(native), path.rpartition("/")[0] or path)
    squares: dict[str, list[Any]] = {}
    for native, gradient in zip(wanted, gradients, strict=True):
        squares.setdefault(layer_of[id(native)], []).append(ops.sum(ops.square(gradient)))
    return {f"{PREFIX}/{of}{path}": ops.sqrt(sum(each[1:], each[0])) for path, each in squares.items()}
