"""Where a description's weights live in a Keras layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import keras, write
from unidl.backends.keras.tensor import plain
from unidl.errors import NativeStructureError


def as_it_is(tensor: Any) -> Any:
    """The view of a weight whose native layout is the canonical one, as nearly all of Keras' are."""
    return tensor


class Slot:
    """One canonical weight in a layer's variable.

    Args:
        layer: The layer that holds it.
        name: Its attribute there; dots lead through parts, as in "cell.kernel".
        view: The canonical tensor in a tensor of the native layout.
        store: The tensor of the native layout for a canonical one.
    """

    def __init__(
        self,
        layer: Any,
        name: str,
        view: Callable[[Any], Any] = as_it_is,
        store: Callable[[Any], Any] = as_it_is,
    ) -> None:
        self.layer = layer
        self.name = name
        self.view = view
        self.store = store
        self._variable()

    def _variable(self) -> Any:
        found = self.layer
        for part in self.name.split("."):
            found = getattr(found, part, None)
        if not isinstance(found, keras.Variable):
            raise NativeStructureError(
                f"The native {type(self.layer).__name__} {self.layer.name!r} has no variable {self.name!r} any more, "
                "so the description does not fit it.",
                expected=f"a layer with a keras.Variable {self.name!r}",
                fix="Change the description with model.replace(path, layer), or go on with model.native alone.",
            )
        return found

    @property
    def native(self) -> Any:
        """The Keras variable that an optimizer steps."""
        return self._variable()

    def value(self) -> Any:
        """The weight as a forward reads it, canonical: gradients go through it."""
        return self.view(plain(self._variable()))

    def read(self) -> Any:
        """The value now, canonical, without gradient."""
        return self.view(keras.ops.stop_gradient(keras.ops.copy(keras.ops.convert_to_tensor(self._variable()))))

    def write(self, value: Any) -> None:
        """Overwrite the value."""
        variable = self._variable()
        variable.assign(self.store(keras.ops.convert_to_tensor(value, variable.dtype)))

    def put(self, tensor: Any, value: Any) -> None:
        """Overwrite another variable of the native layout: Keras' own, or one of the engine's."""
        stored = self.store(keras.ops.convert_to_tensor(value, keras.backend.standardize_dtype(tensor.dtype)))
        write(tensor, stored)
