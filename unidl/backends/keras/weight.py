"""Where a description's weights live in a Keras layer."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.tensor import blank, fill, plain, to_numpy
from unidl.errors import NativeStructureError
from unidl.lazy_array import LazyArray
from unidl.native.tie import NUMPY, Tie


class Slot:
    """One canonical weight that is a layer's variable.

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

    def canonical(self, array: np.ndarray) -> np.ndarray:
        """The weight in an array of the native layout."""
        return array

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


class TiedSlot(Slot):
    """One canonical weight in a layer's variable, as a tie says.

    Args:
        layer: The layer that holds it.
        tie: Where the weight is.
        shape: Its canonical shape.
    """

    def __init__(self, layer: Any, tie: Tie, shape: tuple[int, ...]) -> None:
        super().__init__(layer, tie.native)
        self.tie = tie
        self._shape = shape

    def canonical(self, array: np.ndarray) -> np.ndarray:
        """The weight in an array of the native layout."""
        read: np.ndarray = self.tie.read(array, self._shape, NUMPY)
        return read

    def view(self, tensor: Any) -> Any:
        """The canonical weight in a tensor of the native layout; gradients go through it."""
        return self.tie.read(tensor, self._shape, keras.ops)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its canonical shape."""
        return self._shape

    def value(self) -> Any:
        """The weight as a forward reads it."""
        return self.view(super().value())

    def read(self, index: Any = ...) -> Any:
        """The value now, without gradient."""
        return self.view(super().read())[index]

    def write(self, value: Any) -> None:
        """Overwrite the value; what belongs to other weights of the variable stays."""
        variable = self._variable()
        value = keras.ops.convert_to_tensor(value, variable.dtype)
        variable.assign(written(self.tie, keras.ops.convert_to_tensor(variable), value, self._shape))

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value."""
        self.write(array.read())

    def held(self, tensor: Any) -> Held:
        """Another variable of the native layout."""
        return TiedHeld(tensor, self.tie, self._shape)


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


class TiedHeld(Held):
    """Likewise, in a variable of a layout of its own.

    Args:
        variable: The variable.
        tie: Where the weight's state is in it.
        shape: Its canonical shape.
    """

    def __init__(self, variable: Any, tie: Tie, shape: tuple[int, ...]) -> None:
        super().__init__(variable)
        self.tie = tie
        self._shape = shape

    @property
    def shape(self) -> tuple[int, ...]:
        """Its canonical shape."""
        return self._shape

    def read(self, index: Any = ...) -> Any:
        """The value now."""
        return self.tie.read(super().read(), self._shape, keras.ops)[index]

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value."""
        native = np.array(to_numpy(super().read()))
        self.tie.write(native, np.asarray(array.read(), native.dtype))
        fill(self.variable, LazyArray(native.shape, native.dtype.name, native.__getitem__))


def written(tie: Tie, native: Any, value: Any, shape: tuple[int, ...]) -> Any:
    """A tensor of the native layout in which a canonical value was put; in a graph, too."""
    size = tuple(native.shape)
    places = tie.read(np.arange(math.prod(size)).reshape(size), shape, NUMPY).reshape(-1, 1)
    flat = keras.ops.scatter_update(keras.ops.reshape(native, (-1,)), places, keras.ops.reshape(value, (-1,)))
    return keras.ops.reshape(flat, size)


def read(variable: Any, index: Any) -> Any:
    """The value of a variable, or of a part of it."""
    return keras.ops.stop_gradient(keras.ops.copy(keras.ops.convert_to_tensor(variable)[index]))


class Blank(keras.initializers.Zeros):
    """Zeros that are to be overwritten.

    Args:
        shapes: Gets the shape of each array that is made.
        instead_of: The initializer whose attribute it takes meanwhile.
    """

    def __init__(self, shapes: list[tuple[int, ...]] | None = None, instead_of: Any = None) -> None:
        self.shapes = [] if shapes is None else shapes
        self.instead_of = instead_of

    def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """The zeros."""
        self.shapes.append(tuple(shape))
        return blank(tuple(shape), keras.backend.standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        """Its arguments: a layer clones its initializers for the layers inside it."""
        return {"shapes": self.shapes, "instead_of": self.instead_of}


def build_blank(layer: Any, *shapes: Any) -> None:
    """Build a layer with weights that are zero; its own initializers are as before afterwards.

    Keras' layers have their initializers as attributes named `*_initializer`. Where the shapes that those made are not the shapes of
    the weights, some weight is made in another way (an LSTM's bias, of two initializers), and all are set to zero.
    """
    made: list[tuple[int, ...]] = []
    for part in _parts(layer):
        for name, value in list(vars(part).items()):
            if name.endswith("initializer") and isinstance(value, keras.initializers.Initializer):
                setattr(part, name, Blank(made, value))
    try:
        layer.build(*shapes)
    finally:
        for part in _parts(layer):  # those too that were made meanwhile, with clones from the layer around them
            for name, value in list(vars(part).items()):
                if isinstance(value, Blank):
                    setattr(part, name, value.instead_of)
    if Counter(made) != Counter(tuple(variable.shape) for variable in layer.weights):
        set_to_zero(layer)


def set_to_zero(layer: Any) -> None:
    """Overwrite all weights."""
    for variable in layer.weights:
        variable.assign(blank(tuple(variable.shape), variable.dtype))


def _parts(layer: Any) -> list[Any]:
    """The layer and the layers that it holds as attributes."""
    found = [layer]
    for part in found:  # which grows meanwhile
        # torch keeps modules apart from other attributes
        held = [*vars(part).values(), *(part.children() if ENGINE == "torch" else ())]
        found += [v for v in held if isinstance(v, keras.layers.Layer) and not any(v is known for known in found)]
    return found
