"""Where a description's weights live in a torch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from unidl.errors import NativeStructureError


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

    def __init__(
        self, module: nn.Module, name: str, view: Callable[[torch.Tensor], torch.Tensor] = as_it_is
    ) -> None:
        self.module = module
        self.name = name
        self.view = view
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
    def native(self) -> Any:
        """The parameter that an optimizer steps: behind a parametrization, the original one."""
        if parametrize.is_parametrized(self.module, self.name):
            return self.module.parametrizations[self.name].original  # type: ignore[index, union-attr]
        return self._tensor()

    def read(self) -> torch.Tensor:
        """The value now, canonical, without gradient."""
        with torch.no_grad():
            return self.view(self._tensor().detach()).clone()

    def write(self, value: Any) -> None:
        """Overwrite the value."""
        with torch.no_grad():
            tensor = self._tensor().detach()
            target = self.view(tensor)
            target.copy_(torch.as_tensor(value, dtype=target.dtype, device=target.device))
            if parametrize.is_parametrized(self.module, self.name):
                setattr(self.module, self.name, tensor)  # torch runs the parametrization's right_inverse
