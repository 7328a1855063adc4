"""Weights of hand-written modules: how torch's classes keep a layer, and files of state_dicts."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch

from unidl.backends.foreign import Arrays, Foreign, Stored
from unidl.backends.lowering import keeper
from unidl.backends.torch.layers import LOWERINGS
from unidl.backends.torch.tensor import to_numpy
from unidl.description.plan import LayerPlan
from unidl.errors import FileError

SEPARATOR = "."
CHANNELS_FIRST = True


def foreign(plan: LayerPlan) -> Foreign:
    """The layer's weights in torch's own class; of a layer that torch has not, as they are."""
    row = keeper(LOWERINGS, "torch", plan)
    if row is None:
        return Foreign({name: weight.shape for name, weight in plan.weights.items()}, dict)
    with torch.device("meta"):  # torch's own initialization would draw from the user's generator
        module = row.make(plan)

    def canonical(arrays: Arrays) -> Arrays:
        module.to_empty(device="cpu")
        state = module.state_dict()
        for name, array in arrays.items():
            state[name.replace("/", SEPARATOR)].copy_(torch.from_numpy(array))
        row.absorb(plan, module)
        return {name: to_numpy(slot.read()) for name, slot in row.slots(plan, module).items()}

    shapes = {name.replace(SEPARATOR, "/"): tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    spare = ("num_batches_tracked",)  # of batch norms; nothing reads it
    return Foreign({name: shape for name, shape in shapes.items() if name not in spare}, canonical, {}, spare)


def read_state_dict(path: Path) -> Mapping[str, Stored]:
    """A file that torch.save wrote of a state_dict; nothing in it is executed.

    Raises:
        FileError: It is none, or holds more than tensors.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            f"{str(path)!r} cannot be read as tensors alone, and unidl runs no code of a file.",
            expected="what torch.save(module.state_dict(), path) writes",
            received=f"{type(error).__name__}: {error}"[:300],
        ) from error
    strange = [] if isinstance(found, dict) else [type(found).__name__]
    strange += [str(key) for key, value in found.items() if not isinstance(value, torch.Tensor)] if not strange else []
    if strange:
        raise FileError(
            f"{str(path)!r} holds more than a state_dict.",
            expected="{name: tensor}",
            received=", ".join(strange[:9]),
            fix="Give the state_dict in it: unidl.load_weights(model, torch.load(path, weights_only=True)[key]).",
        )
    return {name: Stored(tuple(tensor.shape), partial(to_numpy, tensor)) for name, tensor in found.items()}


READERS: dict[str, Callable[[Path], Mapping[str, Stored]]] = {
    ".pt": read_state_dict,
    ".pth": read_state_dict,
}
"""How a file ends -> its reader."""
