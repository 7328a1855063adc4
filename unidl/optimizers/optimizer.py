"""What an optimizer is, and how one is found by name."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from unidl import habits, ops, schedules
from unidl.capture import Captured
from unidl.errors import ArgumentError

NAMES: dict[str, type[Optimizer]] = {}


class Optimizer(metaclass=Captured):
    """How a weight follows its gradient.

    A subclass defines `state_names` and `update`, which sees one weight in canonical layout. Weight decay is decoupled on every
    optimizer (the weight shrinks by learning_rate * weight_decay before the step), and clipping is by the global norm.

    Args:
        learning_rate: A number, or a schedule of unidl.schedules.
        weight_decay: Share of the weight taken off at each step, times the learning rate.
        no_decay: Patterns over weight paths that do not decay.
        clip_norm: Largest norm of all gradients together; None is no limit.
    """

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name is not None:
            NAMES[name] = cls

    def __init__(
        self,
        learning_rate: float | schedules.Schedule,
        weight_decay: float = 0.0,
        no_decay: Sequence[str] = (),
        clip_norm: float | None = None,
    ) -> None:
        self.learning_rate = schedules.get(learning_rate)
        self.weight_decay = weight_decay
        self.no_decay = tuple(no_decay)
        self.clip_norm = clip_norm

    state_names: tuple[str, ...] = ()  # one tensor of the weight's shape, starting at zero, for each

    def update(
        self, weight: Any, gradient: Any, state: dict[str, Any], learning_rate: Any, step: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The weight and the state after one step.

        Args:
            weight: The weight, after weight decay.
            gradient: Of the loss, after clipping.
            state: One tensor for each of `state_names`.
            learning_rate: A scalar of the weight's dtype.
            step: Number of this step, from 1, a scalar of the weight's dtype.
        """
        raise ArgumentError(f"{type(self).__name__} has no update(…).", fix="Define state_names and update.")

    def decays(self, path: str) -> float:
        """The weight decay of a weight, by its path."""
        return 0.0 if any(fnmatchcase(path, pattern) for pattern in self.no_decay) else self.weight_decay

    def clipped(self, gradients: list[Any]) -> list[Any]:
        """All gradients scaled down together, so that their common norm is at most `clip_norm`."""
        if self.clip_norm is None:
            return gradients
        total = ops.sqrt(sum((ops.sum(ops.square(g)) for g in gradients[1:]), ops.sum(ops.square(gradients[0]))))
        factor = self.clip_norm / ops.maximum(total, self.clip_norm)
        return [g * factor for g in gradients]

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._unidl.arguments.items())  # type: ignore[attr-defined]
        return f"{type(self).__name__}({given})"


def get(value: Any) -> Optimizer:
    """The optimizer for a name or an optimizer.

    Raises:
        ArgumentError: There is none of that name.
    """
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, str) and value in NAMES:
        return NAMES[value]()  # type: ignore[call-arg]  # every named optimizer has a default learning rate
    if isinstance(value, type) and issubclass(value, Optimizer):
        raise ArgumentError(f"The optimizer is the class {value.__name__}.", fix=f"Call it: {value.__name__}(1e-3).")
    way = habits.suggestion(value, habits.OPTIMIZERS, NAMES) if isinstance(value, str) else None
    raise ArgumentError(
        f"There is no optimizer {value!r}.",
        expected=f"one of {', '.join(map(repr, NAMES))}, or an object of unidl.optimizers",
        received=repr(value),
        fix=habits.sentence(repr(way) if way in NAMES else way),
    )
