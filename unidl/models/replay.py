"""A built model's definitions, run one op at a time on its native weights: what fused kernels hide is seen there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unidl.backends.contract import Slot
from unidl.description.layer import Layer, bind
from unidl.description.plan import LayerPlan
from unidl.description.trace import ChildKey
from unidl.graph.node import leaves, map_nest
from unidl.models.build import Built, weight_path
from unidl.ops.op import running


class _Binding:
    """Binds a description to the weights of the native object that a built model has in its place.

    Args:
        built: The model.
        plan: The layer's plan.
        slots: The model's weights.
        seen: Is called with the path and the output of each layer that is done.
    """

    locked = True
    training = False

    def __init__(
        self, built: Built, plan: LayerPlan, slots: Mapping[str, Slot], seen: Callable[[str, Any], None]
    ) -> None:
        self.built = built
        self.plan = plan
        self.slots = slots
        self.seen = seen

    def attribute(self, layer: Layer, name: str) -> Any:
        """A weight's value now, or sublayers bound likewise."""
        if name in self.plan.weights:
            return self.slots[weight_path(self.plan, name)].value()
        if name in self.plan.structure:
            return map_nest(self._child, self.plan.structure[name])
        raise layer._no_attribute(name)

    def _child(self, leaf: Any) -> Any:
        if not isinstance(leaf, ChildKey):
            return leaf
        return _bound(self.built, self.plan.children[leaf], self.slots, self.seen)

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The definition's output, once it was seen."""
        output = layer.forward(*args, **kwargs)
        self.seen(self.plan.path, output)
        return output

    def update(self, name: str, value: Any) -> None:
        """Nothing: this is inference."""

    def add_loss(self, value: Any) -> None:
        """Nothing: nobody minimizes here."""

    def add_weight(self, *_: Any) -> None:
        """Not here: the layer is built."""
        raise RuntimeError("setup does not run on a native object")


def _bound(built: Built, plan: LayerPlan, slots: Mapping[str, Slot], seen: Callable[[str, Any], None]) -> Layer:
    """The layer's description, which runs its definition."""
    return bind(plan.layer, plan.attributes, _Binding(built, plan, slots, seen))


def first_nonfinite(built: Built, args: tuple[Any, ...]) -> str | None:
    """The path of the first layer whose output holds NaN or infinity, where the model's output does too, in inference.

    Each layer is computed by its definition in unidl.ops, where NaN stays NaN; frameworks' kernels may return 0 for it.

    Args:
        built: The model.
        args: Its inputs as native tensors.

    Returns:
        The path, "" for the model itself; None where the output is finite, whatever there is inside.
    """
    backend, paths = built.backend, list[str]()

    def seen(path: str, output: Any) -> None:
        if not all(backend.finite([leaf for leaf in leaves(output) if hasattr(leaf, "dtype")])):
            paths.append(path)

    with backend.training_mode(built.native, False), running(backend):
        _bound(built, built.plan, built.slots(), seen)(*args)
    return paths[0] if built.plan.path in paths else None
