"""The four lanes of a training step: an engine that says which of them runs now. A Trainer's own engine knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from unidl.backends.contract import Held, Slot, Stepper
from unidl.inspection.lane import Lane
from unidl.models import Model
from unidl.training import Trainer
from unidl.training.engine import Engine


class MarkedEngine(Engine):
    """Takes steps as Engine does and moves a mark along: forward, loss, backward, update.

    Args:
        trainer: What it works for.
        lane: The mark.
    """

    def __init__(self, trainer: Trainer, lane: Lane) -> None:
        super().__init__(trainer)
        self.lane = lane

    def predictions(self, x: Any) -> Any:
        """As Engine's, in the lane "forward"."""
        with self.lane.running("forward"):
            return super().predictions(x)

    def minimize(self, function: Callable[[], Any], part: Model, name: str) -> Any:
        """As Engine's: the function is "loss" where it does not call the model, what happens to its result "backward"."""

        def loss() -> Any:
            with self.lane.running("loss"):
                return function()

        with self.lane.running("backward"):
            return super().minimize(loss, part, name)

    def _stepper(self, part: Model, name: str) -> Stepper:
        with self.lane.running(""):  # it may be made now
            return MarkedStepper(super()._stepper(part, name), self.lane)


class MarkedStepper:
    """Steps as another stepper does, in the lane "update".

    Args:
        stepper: The other one.
        lane: The mark.
    """

    def __init__(self, stepper: Stepper, lane: Lane) -> None:
        self.stepper = stepper
        self.lane = lane

    @property
    def slots(self) -> Mapping[str, Slot]:
        """As the other's."""
        return self.stepper.slots

    @property
    def wanted(self) -> list[Any]:
        """As the other's."""
        return self.stepper.wanted

    def apply(self, gradients: Sequence[Any], learning_rate: Any) -> None:
        """As the other's."""
        with self.lane.running("update"):
            self.stepper.apply(gradients, learning_rate)

    def held(self) -> Mapping[str, Mapping[str, Held]]:
        """As the other's."""
        return self.stepper.held()

    def read(self, lazily: bool = False) -> dict[str, Any]:
        """As the other's."""
        return self.stepper.read(lazily)

    def write(self, state: Mapping[str, Any]) -> None:
        """As the other's."""
        self.stepper.write(state)
