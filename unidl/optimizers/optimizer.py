"""What an optimizer is, and how one is found by name."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Any

from unidl import habits, ops, schedules
from unidl.arguments import fits_something, number, optional, shown, texts
from unidl.capture import Record, told_arguments
from unidl.errors import ArgumentError
from unidl.family import Family, Member

OPTIMIZERS: Family[Optimizer] = Family(
    "optimizer", "optimizers", habits.OPTIMIZERS, "or an object of unidl.optimizers", call="1e-3"
)
CALLS = {"update": ("weight", "gradient", "state", "learning_rate", "step")}


class Optimizer(Member, family=OPTIMIZERS, calls=CALLS):
    """How a weight follows its gradient.

    A subclass defines `state_names` and `update`, which sees one weight in canonical layout. Weight decay is decoupled on every
    optimizer (the weight shrinks by learning_rate * weight_decay before the step), and clipping is by the global norm.

    Args:
        learning_rate: A number, or a schedule of unidl.schedules.
        weight_decay: Share of the weight taken off at each step, times the learning rate.
        no_decay: Patterns over weight paths that do not decay.
        clip_norm: Largest norm of all gradients together; None is no limit.
    """

    def __init__(
        self,
        learning_rate: float | schedules.Schedule,
        weight_decay: float = 0.0,
        no_decay: Sequence[str] = (),
        clip_norm: float | None = None,
    ) -> None:
        self.learning_rate = schedules.get(learning_rate)
        self.weight_decay = number(self, "weight_decay", weight_decay, least=0)
        self.no_decay = texts(self, "no_decay", no_decay)
        self.clip_norm = optional(number, self, "clip_norm", clip_norm, above=0)

    def __setattr__(self, name: str, value: Any) -> None:
        """A learning rate, a number or a schedule, may be set at any time; the next step has it. What else the constructor took may not."""
        record: Record = self._unidl  # type: ignore[attr-defined]  # the metaclass makes it
        if name == "learning_rate":
            object.__setattr__(self, name, schedules.get(value))
            if record.constructed:
                record.arguments[name] = value
                object.__setattr__(self, "rate_was_set", True)
            return
        if record.constructed and name in inspect.signature(type(self).__init__).parameters:
            raise ArgumentError(
                f"{type(self).__name__}.{name} cannot be set after construction: the framework's optimizer is made with it.",
                expected="learning_rate alone may be set",
                received=f"{name}={shown(value)}",
                fix=f"Make a new optimizer, {type(self).__name__}(…, {name}=…), and a new Trainer with it.",
            )
        object.__setattr__(self, name, value)

    rate_was_set = False  # whether the learning rate was set since it was made
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

    def check_patterns(self, paths: Collection[str]) -> None:
        """Refuse patterns of `no_decay` that fit none of these weight paths.

        Raises:
            ArgumentError: One fits none; a weight that was not to decay would.
        """
        unused = [pattern for pattern in self.no_decay if not any(fnmatchcase(path, pattern) for path in paths)]
        fits_something(self, "no_decay", unused, paths, "weight paths")

    def clipped(self, gradients: list[Any]) -> list[Any]:
        """All gradients scaled down together, so that their common norm is at most `clip_norm`."""
        if self.clip_norm is None:
            return gradients
        total = ops.sqrt(sum((ops.sum(ops.square(g)) for g in gradients[1:]), ops.sum(ops.square(gradients[0]))))
        factor = self.clip_norm / ops.maximum(total, self.clip_norm)
        return [g * factor for g in gradients]


@told_arguments
def get(value: Any) -> Optimizer:
    """The optimizer for a name or an optimizer.

    Raises:
        ArgumentError: There is none of that name.
    """
    found = OPTIMIZERS.found(value)
    if found is None:
        raise OPTIMIZERS.no_such(value)
    return found
