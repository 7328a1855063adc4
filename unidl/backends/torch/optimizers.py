"""Optimizers: torch's own where they compute the definition, fused; else the definition on torch's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from unidl.optimizers import SGD, Adam, AdamW, Optimizer


def optimizer(definition: Optimizer, slots: Mapping[str, Any]) -> Fused | Defined:
    """torch's own optimizer for exactly the classes in the table, the definition for a subclass or another.

    The definition too where weights that torch packs into one parameter do not all decay alike.
    """
    decays: dict[int, set[float]] = {}
    for path, slot in slots.items():
        for parameter in slot.natives:
            decays.setdefault(id(parameter), set()).add(definition.decays(path))
    alike = all(len(shares) == 1 for shares in decays.values())
    return (Fused if type(definition) in NATIVE and alike else Defined)(definition, slots)


# -- torch's own -------------------------------------------------------------------------------------------------------------


def _sgd(definition: SGD, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    # torch adds its weight_decay to the gradient; Fused shrinks the weight before the step, which is decoupled
    return torch.optim.SGD(groups, lr=0.0, momentum=definition.momentum, nesterov=definition.nesterov, fused=True)


def _adam(definition: Adam, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        groups, lr=0.0, betas=(definition.beta_1, definition.beta_2), eps=definition.epsilon, fused=True
    )


NATIVE = {SGD: _sgd, Adam: _adam, AdamW: _adam}


class Fused:
    """A torch.optim optimizer that steps the module's own parameters.

    Args:
        definition: What it computes.
        slots: Weight path -> slot. Several may share one parameter (a packed matrix).
    """

    def __init__(self, definition: Optimizer, slots: Mapping[str, Any]) -> None:
        self.definition = definition
        decay: dict[int, float] = {}
        self.wanted: list[torch.nn.Parameter] = []
        for path, slot in slots.items():
            for parameter in slot.natives:
                if id(parameter) not in decay:
                    self.wanted.append(parameter)
                    decay[id(parameter)] = definition.decays(path)
        self._decay = [decay[id(parameter)] for parameter in self.wanted]
        groups = [
            {"params": [p for p, d in zip(self.wanted, self._decay, strict=True) if d == share], "weight_decay": share}
            for share in sorted(set(self._decay))
        ]
        self._coupled = isinstance(definition, SGD)
        if self._coupled:
            groups = [{"params": self.wanted}]
        self.native = NATIVE[type(definition)](definition, groups)  # type: ignore[operator, arg-type]

    def apply(self, gradients: Sequence[torch.Tensor], learning_rate: float) -> None:
        """One step; a gradient for each of `wanted`."""
        for parameter, gradient in zip(self.wanted, self.definition.clipped(list(gradients)), strict=True):
            parameter.grad = _laid_out_as(parameter, gradient)
        for group in self.native.param_groups:
            group["lr"] = learning_rate
        if self._coupled and any(self._decay):
            with torch.no_grad():
                for parameter, share in zip(self.wanted, self._decay, strict=True):
                    parameter.mul_(1.0 - learning_rate * share)
        self.native.step()
        self.native.zero_grad(set_to_none=True)


def _laid_out_as(parameter: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """The gradient in the parameter's memory layout: torch's fused kernels walk both without a look at their strides."""
    return gradient if gradient.stride() == parameter.stride() else torch.empty_like(parameter).copy_(gradient)


# -- the definition ----------------------------------------------------------------------------------------------------------


class Defined:
    """The definition, on canonical weights.

    Args:
        definition: What it computes.
        slots: Weight path -> slot.
    """

    def __init__(self, definition: Optimizer, slots: Mapping[str, Any]) -> None:
        self.definition = definition
        self.slots = dict(slots)
        self.wanted = list({id(slot.native): slot.native for slot in slots.values()}.values())
        self._position = {id(parameter): i for i, parameter in enumerate(self.wanted)}
        self.state = {
            path: {name: torch.zeros_like(slot.read()) for name in definition.state_names}
            for path, slot in slots.items()
        }
        self.steps = 0

    @torch.no_grad()
    def apply(self, gradients: Sequence[torch.Tensor], learning_rate: float) -> None:
        """One step; a gradient for each of `wanted`."""
        self.steps += 1
        canonical = self.definition.clipped(
            [slot.view(gradients[self._position[id(slot.native)]]) for slot in self.slots.values()]
        )
        for (path, slot), gradient in zip(self.slots.items(), canonical, strict=True):
            weight = slot.read()
            rate = torch.as_tensor(learning_rate, dtype=weight.dtype)
            step = torch.as_tensor(self.steps, dtype=weight.dtype)
            weight = weight * (1.0 - rate * self.definition.decays(path))
            weight, self.state[path] = self.definition.update(weight, gradient, self.state[path], rate, step)
            slot.write(weight)
