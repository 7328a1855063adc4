"""Layer: a description of a computation with weights. What a user writes, and what every layer of unidl is."""

from __future__ import annotations

import functools
import inspect
from typing import Any, ClassVar

from unidl import habits
from unidl.capture import Captured, Record, default_name
from unidl.description.binding import Binding
from unidl.errors import ArgumentError, ForeignNameError, NotBuiltError, NotCalledError, ShapeError
from unidl.graph.node import holds_symbol, leaves
from unidl.graph.spec import Shape
from unidl.names import IN_MODELS, check_identifier
from unidl.subclass import check_methods

# Public for unidl's own packages, and for authors of layers (docs/extending.md); `dir(layer)` shows what a user calls
_FOR_AUTHORS = frozenset(
    ["RESERVED", "check_known", "check_rank", "exchange_sublayer", "sublayers", "trainable_slots", "weight_slots"]
)
LONG = 200  # letters of a description's arguments that its repr still shows


class Layer(metaclass=Captured):
    """A layer, described once for every backend.

    Write `setup` to declare weights and `forward` to say what is computed, with `unidl.ops`. The constructor's arguments are
    captured; `super().__init__()` need not be called. Sublayers are attributes, or stand in lists, tuples and dicts that are.

    In `forward`, `self` is bound to one native object: `self.gain` is the native weight, `self.hidden` the native sublayer.

    Example:
        >>> import unidl
        >>> class Scale(unidl.Layer):
        ...     def setup(self, shape):
        ...         self.add_weight("gain", (shape[-1],), initializer="ones")
        ...     def forward(self, x):
        ...         return x * self.gain
        >>> Scale().output_shape((None, 8))
        (None, 8)
    """

    RESERVED: ClassVar[frozenset[str]] = IN_MODELS  # what a layer cannot be called

    _unidl: Record
    _binding: Binding

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_methods(cls, Layer)
        forward = vars(cls).get("forward")
        if inspect.isfunction(forward) and "training" in inspect.signature(forward).parameters:
            raise ForeignNameError(
                f"forward of {cls.__name__} takes 'training', which unidl never passes.",
                fix="Read self.training, a Python bool; call the model with training=True.",
            )

    # -- what a subclass writes ------------------------------------------------------------------------------------------

    def setup(self, *shapes: Any, **_: Any) -> None:
        """Declare weights, knowing the inputs' shapes (batch axis first, None where unknown). Runs once for each build."""

    def forward(self, *inputs: Any, **_: Any) -> Any:
        """Compute the outputs from the inputs, with portable operators and unidl.ops."""
        raise ArgumentError(
            f"{type(self).__name__} has no forward.",
            fix="Define forward(self, x) on the class; it says what is computed.",
        )

    # -- what setup and forward may call ---------------------------------------------------------------------------------

    def add_weight(
        self,
        name: str,
        shape: tuple[int, ...],
        initializer: Any = "glorot_uniform",
        trainable: bool = True,
        dtype: str | None = None,
    ) -> None:
        """Declare a weight; only inside `setup`. It is then read as an attribute of that name.

        Args:
            name: A Python identifier, free in the layer.
            shape: Canonical shape, all axes known.
            initializer: Name of an initializer, one of unidl.initializers, an array, or a number.
            trainable: False for a state that `self.update` changes.
            dtype: Name of the dtype; None is the model's floating dtype.

        Raises:
            ArgumentError: The name cannot be an attribute or is taken, or it is called outside setup.
            ShapeError: An axis is unknown.
        """
        self._need_binding("add_weight").add_weight(self, name, shape, initializer, trainable, dtype)

    def update(self, name: str, value: Any) -> None:
        """Give a state (a weight with `trainable=False`) its next value, in training; in inference it has no effect.

        Args:
            name: The state's name.
            value: A tensor of its shape; no gradient is taken through it.
        """
        self._need_binding("update").update(name, value)

    def add_loss(self, value: Any) -> None:
        """Add a scalar to the loss that a Trainer minimizes: a regularization or activity loss; in `forward` only.

        `Trainer.minimize` and the Trainer's own step add it to the loss, and `evaluate` too; a call outside of them leaves it away.
        What goes by the examples is divided by their number, as a mean is: else it grows with the batch.

        Args:
            value: A scalar of the model's floating dtype, such as `0.01 * ops.sum(ops.square(self.kernel))`.
        """
        self._need_binding("add_loss").add_loss(value)

    @property
    def training(self) -> bool:
        """Whether this call is part of training; a Python bool, in `forward` only."""
        return self._need_binding("training").training

    def _need_binding(self, what: str) -> Binding:
        binding: Binding | None = self.__dict__.get("_binding")
        if binding is None:
            raise NotBuiltError(
                f"{type(self).__name__}.{what} was used outside setup and forward.",
                expected="add_weight in setup; update, add_loss and training in forward",
            )
        return binding

    # -- what everybody may ask ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The explicit name, else the class's name in snake case."""
        found = self._unidl.name or default_name(type(self).__name__)
        return found if found not in IN_MODELS else f"{found}_layer"

    def sublayers(self) -> dict[str, Any]:
        """Attribute name -> sublayer, or nest of them in lists, tuples and dicts."""
        return {name: value for name, value in vars(self).items() if _holds_layer(value)}

    def exchange_sublayer(self, key: str, layer: Layer) -> Layer:
        """Put a layer under a key ("hidden", "blocks/0") and return the one that was there."""
        name, *rest = key.split("/")
        nest = self.__dict__[name]
        old, new = _exchanged(nest, rest, layer)
        self.__dict__[name] = new
        return old

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Inside a forward: compute. On symbolic tensors (`unidl.Input`): extend the functional graph."""
        binding: Binding | None = self.__dict__.get("_binding")
        if binding is not None:
            return binding.call(self, args, kwargs)
        if holds_symbol(args, kwargs):
            return FUNCTIONAL_CALL(self, args, kwargs)
        return self._call_unbound(*args, **kwargs)

    def _call_unbound(self, *args: Any, **kwargs: Any) -> Any:
        raise NotBuiltError(
            f"{type(self).__name__} was called on {', '.join(type(a).__name__ for a in args) or 'nothing'}, "
            "and a layer alone has no weights.",
            expected="a symbolic tensor (unidl.Input), or a call in a model's forward",
            fix=f"unidl.Sequential([{type(self).__name__}(…)])(x), or unidl.testing.check_layer to try a layer out.",
        )

    def output_shape(self, *shapes: Shape) -> Any:
        """The shape, or nest of shapes, that the layer gives for inputs of these shapes (batch axis first).

        Raises:
            ShapeError: The layer does not take such inputs.
        """
        return OUTPUT_SHAPE(self, shapes)

    def __getattr__(self, name: str) -> Any:
        # only asked for what is not stored: weights and sublayers live on the native object
        binding: Binding | None = self.__dict__.get("_binding")
        if binding is not None:
            return binding.attribute(self, name)
        raise self._no_attribute(name)

    def _no_attribute(self, name: str) -> AttributeError:
        way = habits.MODEL.get(name)
        if way is not None:
            return ForeignNameError(f"{type(self).__name__} has no {name!r}.", fix=habits.sentence(way))
        built = self.__dict__["_unidl"].built if "_unidl" in self.__dict__ and "_binding" not in self.__dict__ else None
        if built is not None and name in built.plan.weights:
            path = f"{built.plan.path}/{name}" if built.plan.path else name
            return NotCalledError(
                f"The weight {name!r} of {built.plan.title} was read outside a forward.",
                expected="a read in the forward of a layer or model that holds it",
                fix=f"model.weights()[{path!r}] is its value now, as an array.",
            )
        return AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        binding: Binding | None = self.__dict__.get("_binding")
        if binding is not None and binding.locked:
            raise ArgumentError(
                f"forward of {type(self).__name__} sets self.{name}; a value kept so would not survive compiling, copying or saving.",
                expected="forward computes and returns",
                fix="Return the value, or declare a state: self.add_weight(name, shape, trainable=False) in setup and "
                "self.update(name, value) in forward.",
            )
        if name in ("trainable", "requires_grad"):
            raise self._no_attribute(name)
        if name in _reserved_in(type(self)) or _holds_layer(value):
            check_attribute(type(self), name)
        record: Record | None = self.__dict__.get("_unidl")
        if binding is None and record is not None and record.is_built and name[:1] != "_":
            raise ArgumentError(
                f"{type(self).__name__} {self.name!r} is built, and self.{name} = … would change the description only, not what runs.",
                expected="attributes set before the model is built",
                fix="model.replace(path, layer) puts another layer there; what changes while it runs is a state: "
                "self.add_weight(name, shape, trainable=False) in setup, then model.set_weights or self.update.",
            )
        object.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        return sorted(
            name
            for name in super().__dir__()
            if not (name.startswith("_") or name.endswith("__") or name in _FOR_AUTHORS)
        )

    def __repr__(self) -> str:
        arguments = self._unidl.arguments
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        if len(given) > LONG:  # it stands in messages and logs
            held = sum(isinstance(leaf, Layer) for leaf in leaves(arguments))
            return f"<{type(self).__name__} {self.name!r}" + (f" of {held} layers>" if held else ">")
        return f"{type(self).__name__}({given})"

    def check_rank(self, shape: Shape, least: int, axes: str, most: int | None = None) -> None:
        """Refuse an input whose number of axes does not fit; for use in `setup`.

        Args:
            shape: The input's shape with its batch axis.
            least: The smallest number of axes.
            axes: What the axes are, for the message: "(batch, features)".
            most: The largest number, None for no limit.
        """
        if len(shape) < least or (most is not None and len(shape) > most):
            count = f"{least}" if most == least else f"at least {least}" if most is None else f"{least} to {most}"
            raise ShapeError(
                f"{type(self).__name__} needs an input of {count} axes {axes}.",
                received=f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}, {shape}",
                fix=f"Reshape or expand the input so that its axes are {axes}.",
            )

    def check_known(self, shape: Shape, axis: int, what: str) -> int:
        """The length of an axis that the layer needs to know; for use in `setup`."""
        length = shape[axis]
        if length is None:
            raise ShapeError(
                f"{type(self).__name__} needs to know the length of its input's {what} axis.",
                expected=f"a number at axis {axis}",
                received=str(shape),
                fix="Give that axis in Input(shape) or build(shape).",
            )
        return length


def own_names(cls: type) -> set[str]:
    """The names that a class' body defines or declares."""
    return {*vars(cls), *vars(cls).get("__annotations__", ())}


def check_attribute(cls: type, name: str) -> None:
    """Refuse an attribute's name that unidl uses itself, or that is no identifier.

    Raises:
        ArgumentError: It is so.
    """
    check_identifier(f"An attribute of {cls.__name__}", name, _reserved_in(cls))


@functools.cache
def _reserved_in(cls: type) -> frozenset[str]:
    """The names that unidl's own classes among a class' bases have, and that the user's own did not define anew."""
    found: set[str] = set()
    for base in reversed(cls.__mro__):
        found = found | own_names(base) if base.__module__.startswith("unidl.") else found - own_names(base)
    return frozenset(name for name in found if not name.startswith("__"))


def _holds_layer(value: Any) -> bool:
    if isinstance(value, Layer):
        return True
    if isinstance(value, (list, tuple)):
        return any(_holds_layer(item) for item in value)
    if isinstance(value, dict):
        return any(_holds_layer(item) for item in value.values())
    return False


def _exchanged(nest: Any, keys: list[str], layer: Layer) -> tuple[Layer, Any]:
    """What stood at the keys, and the nest with the layer there; the nest given stays as it was."""
    if not keys:
        return nest, layer
    if isinstance(nest, dict):
        key = next(k for k in nest if str(k) == keys[0])
        old, new = _exchanged(nest[key], keys[1:], layer)
        return old, {**nest, key: new}
    position = int(keys[0])
    old, new = _exchanged(nest[position], keys[1:], layer)
    return old, type(nest)([new if i == position else item for i, item in enumerate(nest)])


def _not_ready(*_: Any) -> Any:
    raise RuntimeError("unidl.description.trace is not imported")


# Filled by unidl.description.trace, which knows layers and would else be imported in a circle.
FUNCTIONAL_CALL: Any = _not_ready
OUTPUT_SHAPE: Any = _not_ready


def bind(layer: Layer, attributes: dict[str, Any], binding: Binding) -> Layer:
    """The description as `self` in forward: the same class, its plain attributes, and a binding instead of sublayers."""
    bound = object.__new__(type(layer))
    bound.__dict__.update(attributes)
    bound.__dict__["_unidl"] = layer._unidl
    bound.__dict__["_binding"] = binding
    return bound
