"""What a loss is, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unidl import habits, ops
from unidl.capture import Captured
from unidl.errors import ArgumentError
from unidl.graph.spec import TensorSpec

NAMES: dict[str, type[Loss]] = {}


class Loss(metaclass=Captured):
    """A number to be made small: `loss(targets, predictions)`.

    A subclass defines `per_example`; the loss is its mean over the batch and every other axis left.
    """

    reads_logits = False  # whether a softmax or sigmoid at the model's end would be a mistake

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name is not None:
            NAMES[name] = cls

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """The loss of each example, or of each place of each example: (batch, ...)."""
        raise ArgumentError(
            f"{type(self).__name__} has no per_example(targets, predictions).", fix="Define it on the class."
        )

    def __call__(self, targets: Any, predictions: Any) -> Any:
        """The mean loss, a scalar."""
        return ops.mean(self.per_example(targets, predictions))

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Refuse data that cannot be targets for such predictions, before any step.

        Args:
            targets: All targets, as an array.
            predictions: Shape and dtype of what the model gives.
        """

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._unidl.arguments.items())  # type: ignore[attr-defined]
        return f"{type(self).__name__}({given})"


class _Function(Loss):
    """A user's function of targets and predictions."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    def __call__(self, targets: Any, predictions: Any) -> Any:
        return ops.mean(self.function(targets, predictions))


def get(value: Any) -> Loss:
    """The loss for a name, a loss, or a function of targets and predictions.

    Raises:
        ArgumentError: There is none of that name.
    """
    if isinstance(value, Loss):
        return value
    if isinstance(value, str):
        if value in NAMES:
            return NAMES[value]()
        way = habits.suggestion(value, habits.LOSSES, NAMES)
        raise ArgumentError(
            f"There is no loss {value!r}.",
            expected=f"one of {', '.join(map(repr, NAMES))}, an object of unidl.losses, or a function(targets, predictions)",
            received=repr(value),
            fix=habits.sentence(repr(way) if way in NAMES else way),
        )
    if isinstance(value, type) and issubclass(value, Loss):
        raise ArgumentError(f"The loss is the class {value.__name__}.", fix=f"Call it: {value.__name__}().")
    if callable(value):
        return _Function(value)
    raise ArgumentError(
        "A loss is missing or is none.",
        expected=f"one of {', '.join(map(repr, NAMES))}, an object of unidl.losses, or a function(targets, predictions)",
        received=repr(value),
    )
