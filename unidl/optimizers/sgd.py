"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.arguments import flag, fraction
from unidl.errors import ArgumentError
from unidl.optimizers.optimizer import Optimizer
from unidl.schedules import Schedule


class SGD(Optimizer, name="sgd"):
    """Stochastic gradient descent.

        b = momentum * b + g
        w = w - learning_rate * (g + momentum * b  if nesterov  else  b)

    Args:
        learning_rate: A number, or a schedule of unidl.schedules.
        momentum: Share of the last direction that is kept.
        nesterov: Whether to look ahead.
        weight_decay: Decoupled weight decay.
        no_decay: Patterns over weight paths that do not decay.
        clip_norm: Largest norm of all gradients together; None is no limit.
    Where the frameworks differ: Keras keeps `momentum * b - learning_rate * g`, which is another path once the learning rate
    changes; torch's `weight_decay` of SGD is added to the gradient.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        no_decay: Sequence[str] = (),
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay, no_decay, clip_norm)
        self.momentum = fraction(self, "momentum", momentum)
        self.nesterov = flag(self, "nesterov", nesterov)
        if self.nesterov and self.momentum == 0:
            raise ArgumentError("nesterov needs a momentum.", fix="SGD(…, momentum=0.9, nesterov=True)")

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """One direction, where there is momentum."""
        return ("momentum",) if self.momentum else ()

    def update(
        self, weight: Any, gradient: Any, state: dict[str, Any], learning_rate: Any, step: Any
    ) -> tuple[Any, dict[str, Any]]:
        """One step."""
        if not self.momentum:
            return weight - learning_rate * gradient, {}
        direction = state["momentum"] * self.momentum + gradient
        used = gradient + direction * self.momentum if self.nesterov else direction
        return weight - learning_rate * used, {"momentum": direction}
