"""A sublayer that nothing called while the model was built: it stands in its list or dict, and has no native object."""

from __future__ import annotations

from typing import Any

from unidl.description.layer import Layer, bind
from unidl.description.plan import LayerPlan
from unidl.errors import NativeStructureError, NotCalledError


class Unreached:
    """The binding of such a layer: whoever uses it is told.

    Args:
        plan: The layer's plan, which has no calls and no weights.
    """

    locked = True

    def __init__(self, plan: LayerPlan) -> None:
        self.plan = plan

    def _refused(self, what: str) -> NotCalledError:
        return NotCalledError(
            f"{self.plan.title} {what}, and no forward called it while the model was built, so it has no weights.",
            expected="layers that a forward reaches on symbolic tensors of the model's input shapes",
            fix="Choose between layers by the inputs or by self.training, not by what changes between calls.",
        )

    @property
    def training(self) -> bool:
        """Refused."""
        raise self._refused("was asked for its mode")

    def attribute(self, layer: Layer, name: str) -> Any:
        """Refused."""
        raise self._refused(f"was asked for its {name!r}")

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Refused."""
        raise self._refused("was called")

    def update(self, name: str, value: Any) -> None:
        """Refused."""
        raise self._refused("was to update a state")

    def add_loss(self, value: Any) -> None:
        """Refused."""
        raise self._refused("was to add a loss")

    def add_weight(self, *_: Any) -> None:
        """Refused."""
        raise self._refused("was to declare a weight")


def runs_as_a_whole(plan: LayerPlan, native: Any) -> NativeStructureError:
    """The error for a sublayer that is read of a layer which runs as one native object of another making."""
    return NativeStructureError(
        f"{plan.title} runs as a {type(native).__name__}, and what layers are in that is not known.",
        expected="a layer that runs by its definition, whose native object has its sublayers by name",
        fix="Call the layer itself; or read the sublayer where it is held otherwise.",
    )


def unreached(plan: LayerPlan) -> Layer:
    """The description of such a layer as what stands in its place."""
    sublayers = plan.layer.sublayers()
    attributes = {name: value for name, value in vars(plan.layer).items() if name != "_unidl" and name not in sublayers}
    return bind(plan.layer, attributes, Unreached(plan))
