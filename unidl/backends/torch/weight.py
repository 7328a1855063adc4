"""Where a description's weights live in a torch module."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from unidl.backends.torch.tensor import fill
from unidl.errors import NativeStructureError
from unidl.lazy_array import LazyArray
from unidl.native.tie import Steps, Tie


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
            self._put(tensor, value)
            if parametrize.is_parametrized(self.module, self.name):
                setattr(self.module, self.name, tensor)  # torch runs the parametrization's right_inverse

    def _put(self, tensor: torch.Tensor, value: Any) -> None:
        """Write a canonical value into a tensor of the native layout."""
        target = self.view(tensor)
        target.copy_(_like(value, target))

    def held(self, tensor: torch.Tensor) -> Held:
        """Another tensor of the native layout, in canonical layout."""
        return Held(tensor, self.view)


class TiedSlot(Slot):
    """One canonical weight in a parameter or buffer of a module, as a tie says.

    Args:
        module: The module of the layer.
        tie: Where the weight is.
        shape: Its canonical shape.
    """

    def __init__(self, module: nn.Module, tie: Tie, shape: tuple[int, ...]) -> None:
        *path, name = tie.native.split(".")
        for part in path:
            module = getattr(module, part)
        self.tie = tie
        super().__init__(module, name, view_of(tie, shape))

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value, piece by piece where the weight is a view."""
        if self.tie.is_view:
            super().fill(array)
        else:
            self.write(array.read())

    def _put(self, tensor: torch.Tensor, value: Any) -> None:
        if self.tie.is_view:
            super()._put(tensor, value)
        else:
            self.tie.write(tensor, _like(value, tensor))

    def held(self, tensor: torch.Tensor) -> Held:
        """Another tensor of the native layout, in canonical layout."""
        return Held(tensor, self.view, None if self.tie.is_view else self.tie)


def view_of(tie: Tie, shape: tuple[int, ...]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The canonical weight in a native tensor."""
    return as_it_is if tie.is_identity else partial(_stepped, tie.steps(shape))


def _stepped(steps: Steps, tensor: torch.Tensor) -> torch.Tensor:
    """All but the last reshape, of what is no view, are views."""
    if steps.split is not None:
        tensor = tensor.view(steps.split)
    if steps.index:
        tensor = tensor[steps.index]
    for axis, indices in steps.takes:
        tensor = tensor.index_select(axis, torch.tensor(indices, device=tensor.device))
    if steps.turned is not None:
        tensor = tensor.permute(steps.turned)
    return tensor if steps.merged is None else tensor.reshape(steps.merged)


def _like(value: Any, tensor: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(value, dtype=tensor.dtype, device=tensor.device)


class Held:
    """An optimizer's state of one weight.

    Args:
        tensor: Of the weight's native layout.
        view: As that of its slot.
        tie: Where what `view` returns is a copy: how it is written.
    """

    is_computed = False

    def __init__(
        self, tensor: torch.Tensor, view: Callable[[torch.Tensor], torch.Tensor] = as_it_is, tie: Tie | None = None
    ) -> None:
        self.tensor = tensor.detach()
        self.view = view
        self.tie = tie

    @property
    def shape(self) -> tuple[int, ...]:
        """Its canonical shape."""
        return tuple(self.view(self.tensor).shape)

    def read(self, index: Any = ...) -> torch.Tensor:
        """The value now, canonical."""
        return self.view(self.tensor)[index].clone()

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value, piece by piece where it is a view."""
        if self.tie is None:
            fill(self.view(self.tensor), array)
        else:
            self.tie.write(self.tensor, _like(array.read(), self.tensor))
