"""Optimizers: torch's own fused kernels where they compute the definition; else the definition on torch's parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from unidl.backends.contract import Stepper
from unidl.backends.stepper import StepperState
from unidl.backends.torch.tensor import to_numpy
from unidl.backends.torch.weight import Held
from unidl.optimizers import SGD, Adam, AdamW, Optimizer

Tensors = list[torch.Tensor]


def optimizer(definition: Optimizer, slots: Mapping[str, Any]) -> Stepper:
    """torch's own kernels for exactly the classes in the table, the definition for a subclass or another.

    The definition too where weights that torch packs into one parameter do not all decay alike.
    """
    decays: dict[int, set[float]] = {}
    for path, slot in slots.items():
        for parameter in slot.natives:
            decays.setdefault(id(parameter), set()).add(definition.decays(path))
    alike = all(len(shares) == 1 for shares in decays.values())
    return (Fused if type(definition) in NATIVE and alike else Defined)(definition, slots)


# -- torch's own -------------------------------------------------------------------------------------------------------------


def move_sgd(
    definition: SGD,
    weights: Tensors,
    gradients: Tensors,
    state: dict[str, Tensors],
    steps: Tensors,
    rate: float,
    decay: float,
) -> None:
    """torch adds its weight_decay to the gradient; here the weight shrinks before the step, which is decoupled."""
    if decay:
        torch._foreach_mul_(weights, 1.0 - rate * decay)
    torch._fused_sgd_(
        weights,
        gradients,
        state.get("momentum", []),
        weight_decay=0.0,
        momentum=definition.momentum,
        lr=rate,
        dampening=0.0,
        nesterov=definition.nesterov,
        maximize=False,
        is_first_step=False,  # momentum starts at zero
    )


def move_adam(
    definition: Adam,
    weights: Tensors,
    gradients: Tensors,
    state: dict[str, Tensors],
    steps: Tensors,
    rate: float,
    decay: float,
) -> None:
    """torch.optim.AdamW's step."""
    torch._foreach_add_(steps, 1)
    torch._fused_adamw_(
        weights,
        gradients,
        state["first_moment"],
        state["second_moment"],
        [],
        steps,
        amsgrad=False,
        lr=rate,
        beta1=definition.beta_1,
        beta2=definition.beta_2,
        weight_decay=decay,
        eps=definition.epsilon,
        maximize=False,
    )


# The kernels of torch.optim.SGD and torch.optim.AdamW with fused=True. Called directly they spare the optimizer's own bookkeeping
# in Python, which costs a small network as much as the step.
NATIVE: dict[type[Optimizer], Callable[..., None]] = {SGD: move_sgd, Adam: move_adam, AdamW: move_adam}


class Fused(StepperState):
    """Steps the module's own parameters, all of one weight decay, dtype and device in one call.

    Args:
        definition: What it computes.
        slots: Weight path -> slot. Several may share one parameter (a packed matrix).
    """

    def __init__(self, definition: Optimizer, slots: Mapping[str, Any]) -> None:
        self.definition = definition
        self.slots = dict(slots)
        self.move = NATIVE[type(definition)]
        decay: dict[int, float] = {}
        self.wanted: list[torch.nn.Parameter] = []
        for path, slot in slots.items():
            for parameter in slot.natives:
                if id(parameter) not in decay:
                    self.wanted.append(parameter)
                    decay[id(parameter)] = definition.decays(path)
        self.state = {name: [torch.zeros_like(p) for p in self.wanted] for name in definition.state_names}
        self.steps = [torch.zeros((), dtype=torch.float32, device=p.device) for p in self.wanted]  # torch's own are so
        groups: dict[Any, list[int]] = {}
        for i, parameter in enumerate(self.wanted):
            groups.setdefault((decay[id(parameter)], parameter.dtype, parameter.device), []).append(i)
        self._groups = []
        for (share, *_), places in groups.items():
            state = {name: [held[i] for i in places] for name, held in self.state.items()}
            self._groups.append(
                (places, [self.wanted[i] for i in places], state, [self.steps[i] for i in places], share)
            )
        self._taken = 0

    def apply(self, gradients: Sequence[torch.Tensor], learning_rate: float) -> None:
        with torch.no_grad():
            # torch's fused kernels walk weight and gradient alike, without a look at their strides
            alike = [
                g if g.stride() == p.stride() else torch.empty_like(p).copy_(g)
                for p, g in zip(self.wanted, gradients, strict=True)
            ]
            clipped = self.definition.clipped(alike)
            self._taken += 1
            for places, weights, state, steps, decay in self._groups:
                given = clipped if len(places) == len(clipped) else [clipped[i] for i in places]
                self.move(self.definition, weights, given, state, steps, learning_rate, decay)

    def count_steps(self, steps: int | None = None) -> int:
        if steps is not None:
            self._taken = steps
            for counted in self.steps:
                counted.fill_(steps)
        return self._taken

    def held(self) -> dict[str, dict[str, Held]]:
        return {
            path: {name: of(held[place]) for name, held in self.state.items()} for path, place, of in self._places()
        }

    def to_numpy(self, tensor: torch.Tensor) -> np.ndarray:
        return to_numpy(tensor)

    def _places(self) -> Iterator[tuple[str, int, Callable[[torch.Tensor], Held]]]:
        """(path, position in `wanted`, what shows a tensor so) of each weight; behind a parametrization, of its tensors."""
        position = {id(parameter): i for i, parameter in enumerate(self.wanted)}
        for path, slot in self.slots.items():
            natives = slot.natives
            if len(natives) == 1 and natives[0].shape == slot.native_shape:
                yield path, position[id(natives[0])], slot.held
            else:
                for i, native in enumerate(natives):
                    yield f"{path}#{i}", position[id(native)], Held


# -- the definition ----------------------------------------------------------------------------------------------------------


class Defined(StepperState):
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

    def count_steps(self, steps: int | None = None) -> int:
        if steps is not None:
            self.steps = steps
        return self.steps

    def held(self) -> dict[str, dict[str, Held]]:
        return {path: {name: Held(tensor) for name, tensor in held.items()} for path, held in self.state.items()}

    def to_numpy(self, tensor: torch.Tensor) -> np.ndarray:
        return to_numpy(tensor)
