"""Where a description's weights live in a tf.Module: each in a variable of canonical layout."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from unidl.backends.tensorflow.tensor import blank, fill
from unidl.errors import NativeStructureError
from unidl.lazy_array import LazyArray


def make_variable(shape: Any, dtype: Any, device: str, name: str, trainable: bool = False) -> tf.Variable:
    """A variable of zeros, which is no part of a graph that is being traced.

    Without lifting: a tf.function in whose trace a variable is born the usual way is traced twice.
    """
    with tf.init_scope(), tf.device(device):
        return tf.Variable(
            blank(tuple(tf.TensorShape(shape).as_list()), tf.as_dtype(dtype).name),
            trainable=trainable,
            name=name,
            experimental_enable_variable_lifting=False,
        )


def variable_of(module: tf.Module, name: str) -> tf.Variable:
    """The module's variable of that name."""
    value = getattr(module, name, None)
    if not isinstance(value, tf.Variable):
        raise NativeStructureError(
            f"The native {type(module).__name__} has no variable {name!r} any more, so the description does not fit it.",
            expected=f"a module with a tf.Variable {name!r}",
            fix="Change the description with model.replace(path, layer), or go on with model.native alone.",
        )
    return value


def is_frozen(module: tf.Module) -> bool:
    """Whether `set_trainable` froze that layer."""
    return bool(getattr(module, "unidl_frozen", False))


class Slot:
    """One canonical weight in a module's variable.

    Args:
        module: The module that holds it.
        name: Its attribute there.
    """

    is_computed = False

    def __init__(self, module: tf.Module, name: str) -> None:
        self.module = module
        self.name = name
        variable_of(module, name)

    @property
    def native(self) -> tf.Variable:
        """The variable that an optimizer steps."""
        return variable_of(self.module, self.name)

    def view(self, tensor: Any) -> Any:
        """The tensor as it is: the layout is canonical."""
        return tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape now."""
        return tuple(self.native.shape)

    def value(self) -> tf.Tensor:
        """The weight as a forward reads it."""
        return tf.convert_to_tensor(self.native)

    def read(self, index: Any = ...) -> tf.Tensor:
        """The value now."""
        return read(self.native, index)

    def write(self, value: Any) -> None:
        """Overwrite the value."""
        variable = self.native
        variable.assign(tf.cast(value, variable.dtype))

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value."""
        fill(self.native, array)

    def held(self, tensor: tf.Variable) -> Held:
        """Another variable of the native layout."""
        return Held(tensor)


class Held:
    """An optimizer's state of one weight.

    Args:
        variable: The variable that holds it.
    """

    is_computed = False

    def __init__(self, variable: tf.Variable) -> None:
        self.variable = variable

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.variable.shape)

    def read(self, index: Any = ...) -> tf.Tensor:
        """The value now."""
        return read(self.variable, index)

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value."""
        fill(self.variable, array)


def read(variable: tf.Variable, index: Any) -> tf.Tensor:
    """The value of a variable, or of a part of it."""
    return tf.identity(variable) if index is ... else tf.convert_to_tensor(variable)[index]
