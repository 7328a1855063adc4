"""Where a description's weights live in a Keras layer."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.backends.keras.tensor import fill, plain
from unidl.errors import NativeStructureError
from unidl.lazy_array import LazyArray


class Slot:
    """One canonical weight in a layer's variable. Keras' layouts are the canonical ones.

    Args:
        layer: The layer that holds it.
        name: Its attribute there; dots lead through parts, as in "cell.kernel".
    """

    is_computed = False

    def __init__(self, layer: Any, name: str) -> None:
        self.layer = layer
        self.name = name
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

    def view(self, tensor: Any) -> Any:
        """The tensor as it is: the layout is canonical."""
        return tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape now."""
        return tuple(self._variable().shape)

    def value(self) -> Any:
        """The weight as a forward reads it: gradients go through it."""
        return plain(self._variable())

    def read(self, index: Any = ...) -> Any:
        """The value now, without gradient."""
        return read(self._variable(), index)

    def write(self, value: Any) -> None:
        """Overwrite the value."""
        variable = self._variable()
        variable.assign(keras.ops.convert_to_tensor(value, variable.dtype))

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value."""
        fill(self._variable(), array)

    def held(self, tensor: Any) -> Held:
        """Another variable of the native layout: Keras' own, or one of the engine's."""
        return Held(tensor)


class Held:
    """An optimizer's state of one weight.

    Args:
        variable: The variable, Keras' own or one of the engine's, that holds it.
    """

    is_computed = False

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.variable.shape)

    def read(self, index: Any = ...) -> Any:
        """The value now."""
        return read(self.variable, index)

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value."""
        fill(self.variable, array)


def read(variable: Any, index: Any) -> Any:
    """The value of a variable, or of a part of it."""
    return keras.ops.stop_gradient(keras.ops.copy(keras.ops.convert_to_tensor(variable)[index]))
