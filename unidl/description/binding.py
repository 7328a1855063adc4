"""What stands between `self` in a forward and the object that holds its weights: symbolic while tracing, native when run."""

from __future__ import annotations

from typing import Any, Protocol


class Binding(Protocol):
    """The other side of a bound description. Backends implement it in their `binding.py`, tracing in `trace.py`."""

    locked: bool  # whether attributes may no longer be set (they may during setup)

    @property
    def training(self) -> bool:
        """Whether the call in progress is part of training."""

    def attribute(self, layer: Any, name: str) -> Any:
        """A weight, as a tensor in the compute dtype, or a bound sublayer, or a nest of them.

        Raises:
            AttributeError: There is none of that name.
        """

    def call(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the layer."""

    def update(self, name: str, value: Any) -> None:
        """Give a state its next value."""

    def add_loss(self, value: Any) -> None:
        """Add a scalar to the loss."""

    def add_weight(
        self, layer: Any, name: str, shape: tuple[int, ...], initializer: Any, trainable: bool, dtype: str | None
    ) -> None:
        """Declare a weight."""
