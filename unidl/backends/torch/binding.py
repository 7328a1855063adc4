"""How a description is bound to the module that runs it, and an adapter to its children: what `self` is in a forward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from unidl.backends.lowering import Lowering, row_of
from unidl.backends.torch.fast_path import function_of, split, unobserved
from unidl.backends.torch.layers import LOWERINGS
from unidl.backends.torch.module import Adapter, adapter_class, attribute_name, call_adapter, module_key
from unidl.backends.torch.native import RowLowering, reads_of
from unidl.backends.torch.weight import Slot
from unidl.codegen.members import places
from unidl.description import added
from unidl.description.held import held
from unidl.description.layer import Layer, bind
from unidl.description.plan import LayerPlan
from unidl.description.trace import ChildKey
from unidl.description.unreached import runs_as_a_whole, unreached
from unidl.errors import NativeStructureError
from unidl.graph.nesting import is_nested
from unidl.graph.node import map_nest
from unidl.ops.stream import origin

Step = tuple[nn.Module, str, nn.Module]  # a holder, the name of a module in it, that module


class Binding:
    """Binds a description to the module that runs it.

    Args:
        module: An adapter, or torch's own module.
        plan: The layer's plan.
        lowering: How torch's own module is called; None for an adapter.
        parent: The adapter below which the module is; None for an adapter's own forward.
        key: Under which the parent's plan has it.
        way: From the parent to the module: a step, or several through lists and dicts.
    """

    locked = True

    def __init__(
        self,
        module: nn.Module,
        plan: LayerPlan,
        lowering: Lowering | None,
        parent: Adapter | None = None,
        key: str = "",
        way: tuple[Step, ...] = (),
    ) -> None:
        self.module = module
        self.plan = plan
        self.lowering = lowering
        self.parent = parent
        self.key = key
        self.holder: Any = way[-1][0] if way else None
        self.place = way[-1][1] if way else ""
        self.above = way[:-1]
        self.once = lowering is not None and lowering.nested(plan) is not None  # whether it has no second derivative
        self._find_function()

    def _find_function(self) -> None:
        lowering = self.lowering
        row = lowering.row if isinstance(lowering, RowLowering) else None
        self.function = None if row is None or lowering is None else function_of(row, self.plan, lowering.make)
        self.reads = {} if row is None else reads_of(row, self.plan)  # a compiler cannot make them
        self.within, self.after = split(self.plan.attributes.get(row.activation) if row is not None else None)

    def __getstate__(self) -> dict[str, Any]:
        # a lowering and its function are found again, and not copied
        return {**self.__dict__, "lowering": self.lowering is not None, "function": None, "reads": {}, "after": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        plan: LayerPlan = state["plan"]
        found = row_of(LOWERINGS, "torch", type(plan.layer))[0] if state["lowering"] else None
        self.__dict__.update(state, lowering=None if found is None else found.of(plan))
        self._find_function()

    @property
    def training(self) -> bool:
        return self.now().training if self.moved() else self.module.training

    def moved(self) -> bool:
        """Whether the user put another module in this one's place, or in that of a list or dict around it."""
        if self.holder is None:
            return False
        if self.holder._modules.get(self.place) is not self.module:
            return True
        for holder, place, module in self.above:  # noqa: SIM110  # each call asks: a generator would cost it more
            if holder._modules.get(place) is not module:
                return True
        return False

    def now(self) -> Layer:
        """The description, bound to the module that stands there now."""
        return bound_child(self.parent, self.key)

    def attribute(self, layer: Layer, name: str) -> Any:
        if self.moved():
            return getattr(self.now(), name)
        module = self.module
        if name in self.plan.weights:
            value = self._weight(name)
            # a state is changed in place: what was read before keeps its value, also for the backward pass
            return value.clone() if name in self.plan.updated and module.training else value
        if name in self.plan.structure:
            if not isinstance(module, Adapter):
                raise runs_as_a_whole(self.plan, module)
            structure = self.plan.structure[name]
            if torch.compiler.is_dynamo_compiling():  # which would take what is kept for a change, and compile anew
                return map_nest(self._sublayer, structure)
            return held(module.nests, name, structure, self._sublayer)
        raise layer._no_attribute(name)

    def _weight(self, name: str) -> torch.Tensor:
        if self.lowering is None:
            return own_weight(self.module, name)
        path, view = self.reads.get(name, ((), None))
        native: Any = self.module
        for part in path:
            native = getattr(native, part, None)
        if view is None or not isinstance(native, torch.Tensor):
            return slots_of(self.plan, self.module, self.lowering)[name].value()
        return view(native)

    def _sublayer(self, leaf: Any) -> Any:
        return bound_child(self.module, leaf) if isinstance(leaf, ChildKey) else leaf

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        holder, module, lowering = self.holder, self.module, self.lowering
        # moved, without its call
        if holder is not None and (holder._modules.get(self.place) is not module or (self.above and self.moved())):
            return self.now()(*args, **kwargs)
        if lowering is None:
            return call_adapter(module, args, kwargs)
        if self.once and is_nested():
            return layer.forward(*args, **kwargs)
        function = self.function
        if (
            function is not None
            and type(module) is function.module
            and len(args) == 1
            and type(args[0]) is torch.Tensor
            and not torch.compiler.is_dynamo_compiling()  # compilers are shown the module that stands there
            and len(module._parameters) == function.parameters
            and function.module.forward is function.forward
            and unobserved(module)
        ):
            y = function.compute(layer, module, self.within, args[0], **kwargs)
            return y if self.after is None else self.after(y)
        return lowering.call(layer, module, *args, **kwargs)

    def update(self, name: str, value: torch.Tensor) -> None:
        if self.module.training:
            with torch.no_grad():
                getattr(self.module, attribute_name(name)).copy_(value.detach())

    def add_loss(self, value: Any) -> None:
        added.add(self.plan.layer, value)

    def add_weight(self, *_: Any) -> None:
        raise RuntimeError("setup does not run on a native object")


# -- an adapter and its children ---------------------------------------------------------------------------------------------


def make_adapter(plan: LayerPlan, device: torch.device) -> Adapter:
    """The adapter of a layer, with its own weights and no children yet."""
    module = adapter_class(type(plan.layer))()
    module.plan = plan
    module.access = plan.access
    module.bound_children, module.nests = {}, {}
    module.places = {
        key: (attribute_name(name), *map(str, way))
        for name, nest in plan.structure.items()
        for key, way in places(nest, module_key)
    }
    for name, weight in plan.weights.items():
        value = torch.zeros(weight.shape, dtype=getattr(torch, weight.dtype), device=device)
        if weight.trainable:
            module.register_parameter(attribute_name(name), nn.Parameter(value))
        else:
            module.register_buffer(attribute_name(name), value)
    module.bound = bind(plan.layer, plan.attributes, Binding(module, plan, None))
    if plan.random == "portable":
        draws = plan.counts_draws(False), plan.counts_draws(True)
        module.draws, module.origin = draws if any(draws) else None, origin(plan.path)
        module.register_buffer("random_state", torch.zeros(2, dtype=torch.int64, device=device), persistent=False)
    return module


def add_child(module: Adapter, key: str, child: nn.Module) -> None:
    """Put a child under its key, lists and dicts as ModuleDicts or ModuleLists made before."""
    *containers, last = module.places[key]
    parts = key.split("/")
    holder: nn.Module = module
    for depth, name in enumerate(containers):
        if name not in holder._modules:
            holder.add_module(name, nn.ModuleList() if _is_list(module.plan, parts[: depth + 1]) else nn.ModuleDict())
        holder = holder._modules[name]  # type: ignore[assignment]
    holder.add_module(last, child)


def _is_list(plan: LayerPlan, path: list[str]) -> bool:
    nest: Any = plan.structure[path[0]]
    for part in path[1:]:
        nest = nest[int(part)] if isinstance(nest, (list, tuple)) else {str(k): v for k, v in nest.items()}[part]
    # an nn.ModuleList has no gaps: a list in which other things stand between layers becomes a ModuleDict of its positions
    return (
        isinstance(nest, (list, tuple))
        and all(not isinstance(leaf, ChildKey) or plan.children[leaf].reached for leaf in nest)
        and all(isinstance(leaf, (ChildKey, list, tuple, dict)) for leaf in nest)
    )


def bind_children(module: Adapter, lowerings: Mapping[str, Lowering | None]) -> None:
    """Bind the children of an adapter once all are there.

    Args:
        module: The adapter.
        lowerings: Key -> how the child is called.
    """
    for key, lowering in lowerings.items():
        _put_bound(module, key, lowering)


def _put_bound(module: Adapter, key: str, lowering: Lowering | None) -> Layer:
    """Bind a child; one that is an attribute is one of the bound parent too, which Python then finds by itself."""
    plan, way = module.plan.children[key], way_to(module, key)
    bound = bind(plan.layer, plan.attributes, Binding(way[-1][2], plan, lowering, module, key, way))
    module.bound_children[key] = bound
    module.nests.pop(key.partition("/")[0], None)
    if key in module.plan.structure:
        module.bound.__dict__[key] = bound
    return bound


def own_weight(adapter: nn.Module, name: str) -> torch.Tensor:
    """An adapter's weight as a forward reads it; asked for at each read, so without a slot."""
    try:
        return getattr(adapter, attribute_name(name))  # type: ignore[no-any-return]
    except AttributeError:
        return Slot(adapter, attribute_name(name)).value()  # says what is missing


def slots_of(plan: LayerPlan, native: nn.Module, lowering: Lowering | None) -> Mapping[str, Slot]:
    """The layer's own weights in its module, an adapter or what a lowering made."""
    if lowering is None or isinstance(native, Adapter):
        return {name: Slot(native, attribute_name(name)) for name in plan.weights}
    return lowering.slots(plan, native)  # type: ignore[return-value]


def way_to(module: nn.Module, key: str) -> tuple[Step, ...]:
    """The steps that lead to the module under a key, as it stands now.

    Raises:
        NativeStructureError: There is none any more.
    """
    steps: list[Step] = []
    found: Any = module
    for name in module.places[key]:  # type: ignore[union-attr]  # only an adapter has children
        while name not in found._modules and "_orig_mod" in found._modules:  # a compiled list or dict
            steps.append((found, "_orig_mod", found._modules["_orig_mod"]))
            found = found._modules["_orig_mod"]
        held = found._modules.get(name)
        if held is None:
            raise NativeStructureError(
                f"The native {type(module).__name__} has no module {key.replace('/', '.')!r} any more, so the description does not fit it.",
                fix="Change the description with model.replace(path, layer), or go on with model.native alone.",
            )
        steps.append((found, name, held))
        found = held
    return tuple(steps)


def child_of(module: nn.Module, key: str) -> nn.Module:
    """The module under a key."""
    return way_to(module, key)[-1][2]


def bound_child(module: Any, key: str) -> Layer:
    """The bound description of a child, as the module stands now."""
    bound: Layer | None = module.bound_children.get(key)
    if bound is None:
        return unreached(module.plan.children[key])
    binding: Binding = bound.__dict__["_binding"]
    return _put_bound(module, key, binding.lowering) if binding.moved() else bound
