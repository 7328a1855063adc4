"""Where a description's weights live in a torch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from unidl.backends.torch.tensor import fill
from unidl.errors import NativeStructureError
from unidl.lazy_array import LazyArray


def as_it_is(tensor: torch.Tensor) -> torch.Tensor:
    """The view of a weight whose native layout is the canonical one."""
    return tensor


def transposed(tensor: torch.Tensor) -> torch.Tensor:
    """(outputs, inputs) -> (inputs, outputs)."""
    return tensor.T


class Slot:
    """One canonical weight in a module's parameter or buffer.

    Args:
        module: The module that holds it.
        name: Its attribute there.
        view: A torch *view* of the native tensor in canonical layout: what is written to it arrives in the native tensor.
    """

    def __init__(self, module: nn.Module, name: str, view: Callable[[torch.Tensor], torch.Tensor] = as_it_is) -> None:
        self.module = module
        self.name = name
        self.view = view
        # what is registered is not asked for its value: a parametrization would compute it, and may move a state (spectral norm)
        known = [held[name] for held in (module._parameters, module._buffers) if name in held]  # a script's have no get
        if all(value is None for value in known) and not parametrize.is_parametrized(module, name):
            self._tensor()

    def _tensor(self) -> torch.Tensor:
        value: Any = getattr(self.module, self.name, None)
        if not isinstance(value, torch.Tensor):
            raise NativeStructureError(
                f"The native {type(self.module).__name__} has no tensor {self.name!r} any more, so the description does not fit it.",
                expected=f"a module with a parameter or buffer {self.name!r}",
                fix="Change the description with model.replace(path, layer), or go on with model.native alone.",
            )
        return value

    @property
    def natives(self) -> list[nn.Parameter]:
        """The tensors that training moves: the parameter, or the originals behind a parametrization."""
        if parametrize.is_parametrized(self.module, self.name):
            return list(self.module.parametrizations[self.name].parameters())
        return [self._tensor()]

    @property
    def native(self) -> Any:
        """The one tensor that training moves, of the native layout."""
        found = self.natives
        if len(found) != 1:
            raise NativeStructureError(
                f"{type(self.module).__name__}.{self.name} is parametrized by {len(found)} tensors, so there is no one tensor "
                "of the weight's layout to take a gradient by.",
                fix="Train with SGD, Adam or AdamW (torch's own optimizers take all of them), or take gradients in plain torch.",
            )
        return found[0]

    @property
    def native_shape(self) -> torch.Size:
        """The shape of the weight's native layout."""
        return self._tensor().shape

    @property
    def shape(self) -> tuple[int, ...]:
        """The canonical shape now."""
        return tuple(self.view(self._tensor().detach()).shape)

    @property
    def is_computed(self) -> bool:
        """Whether it stands behind a parametrization."""
        return parametrize.is_parametrized(self.module, self.name)

    def value(self) -> torch.Tensor:
        """The weight as a forward reads it, canonical: a view, through which gradients go."""
        return self.view(self._tensor())

    def read(self, index: Any = ...) -> torch.Tensor:
        """The value now, canonical, without gradient."""
        with torch.no_grad():
            return self.view(self._tensor().detach())[index].clone()

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value, piece by piece."""
        if self.is_computed:
            self.write(array.read())
        else:
            fill(self.view(self._tensor().detach()), array)

    def write(self, value: Any) -> None:
        """Overwrite the value."""
        with torch.no_grad():
            tensor = self._tensor().detach()
            target = self.view(tensor)
            target.copy_(torch.as_tensor(value, dtype=target.dtype, device=target.device))
            if parametrize.is_parametrized(self.module, self.name):
                setattr(self.module, self.name, tensor)  # torch runs the parametrization's right_inverse

    def held(self, tensor: torch.Tensor) -> Held:
        """Another tensor of the native layout, in canonical layout."""
        return Held(tensor, self.view)


class Held:
    """An optimizer's state of one weight.

    Args:
        tensor: Of the weight's native layout.
        view: As that of its slot.
    """

    is_computed = False

    def __init__(self, tensor: torch.Tensor, view: Callable[[torch.Tensor], torch.Tensor] = as_it_is) -> None:
        self.tensor = tensor.detach()
        self.view = view

    @property
    def shape(self) -> tuple[int, ...]:
        """Its canonical shape."""
        return tuple(self.view(self.tensor).shape)

    def read(self, index: Any = ...) -> torch.Tensor:
        """The value now, canonical."""
        return self.view(self.tensor)[index].clone()

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value, piece by piece."""
        fill(self.view(self.tensor), array)
